"""Which data belongs to services, and which of it a backup holds. No I/O.

What is not data of the service is no target:
other file systems of the kernel, sockets, and the host's own files that programs read (see `_SYSTEM`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from dockrev.backups.models import Skipped, TargetResult
from dockrev.docker.data import BackupTarget, TargetKind, target_of
from dockrev.docker.inspect import ContainerDetail
from dockrev.stacks.models import BackupChoice, ServiceSettings

_SYSTEM = (
    *("/proc", "/sys", "/dev", "/run", "/var/run", "/boot", "/usr", "/lib", "/lib64", "/bin", "/sbin"),
    *("/etc/localtime", "/etc/timezone", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"),
    *("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/ssl", "/etc/pki", "/etc/ca-certificates"),
    *("/var/lib/docker", "/var/lib/containerd"),
)
_STRENGTH = {BackupChoice.FORCE: 2, BackupChoice.INHERIT: 1, BackupChoice.SKIP: 0}


@dataclass(frozen=True, slots=True)
class FoundTarget:
    """`read_only`: no container of the services can change it, so an update cannot either."""

    target: BackupTarget
    choice: BackupChoice
    read_only: bool
    destinations: tuple[str, ...]
    """Where containers see it."""

    @property
    def skipped(self) -> Skipped | None:
        """What can be said without looking at the data."""
        if self.choice is BackupChoice.SKIP:
            return Skipped.BY_USER
        if self.read_only and self.choice is not BackupChoice.FORCE:
            return Skipped.READ_ONLY
        return None

    def limit(self, skip_over_bytes: int) -> int | None:
        return None if self.choice is BackupChoice.FORCE else skip_over_bytes

    def leave_out(
        self, why: Skipped, *, size_bytes: int | None = None, error: str | None = None
    ) -> TargetResult:
        return TargetResult(self.target, why, size_bytes=size_bytes, error=error)

    def include(self, size_bytes: int) -> TargetResult:
        return TargetResult(self.target, size_bytes=size_bytes, effective=self.choice.value)


def targets_of(
    services: Iterable[tuple[ServiceSettings, Sequence[ContainerDetail]]], own_directory: str
) -> tuple[FoundTarget, ...]:
    """Over all the services: force beats inherit beats skip, and one that can write is enough.

    `own_directory`: where backups are kept; a mount that holds it is never a target.
    """
    found: dict[BackupTarget, FoundTarget] = {}
    for settings, containers in services:
        for mount in (mount for container in containers for mount in container.mounts):
            target = target_of(mount)
            if target is None or _is_foreign(target, own_directory):
                continue
            one = FoundTarget(target, _choice(settings, target), not mount.read_write, (mount.destination,))
            found[target] = _joined(found[target], one) if target in found else one
    return tuple(found[target] for target in sorted(found))


def _is_foreign(target: BackupTarget, own_directory: str) -> bool:
    if target.kind is TargetKind.VOLUME:
        return False
    path = target.source
    return path == "/" or any(_holds(system, path) for system in _SYSTEM) or _holds(path, own_directory)


def _holds(directory: str, path: str) -> bool:
    return PurePosixPath(path).is_relative_to(directory)


def _choice(settings: ServiceSettings, target: BackupTarget) -> BackupChoice:
    """Paths count as the same with and without a slash at their end."""
    if target.kind is TargetKind.VOLUME:
        return settings.volume_names.get(target.source, BackupChoice.INHERIT)
    chosen = {str(PurePosixPath(path)): choice for path, choice in settings.bind_paths.items()}
    return chosen.get(str(PurePosixPath(target.source)), BackupChoice.INHERIT)


def _joined(one: FoundTarget, other: FoundTarget) -> FoundTarget:
    return FoundTarget(
        target=one.target,
        choice=max(one.choice, other.choice, key=_STRENGTH.__getitem__),
        read_only=one.read_only and other.read_only,
        destinations=tuple(dict.fromkeys((*one.destinations, *other.destinations))),
    )

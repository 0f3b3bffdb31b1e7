"""Decides which data belongs to services, and which of it goes into a backup. No I/O.

Data of the host is never a target: the kernel's file systems, sockets, and files that programs only read (see
`_SYSTEM`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from dockrev.backups.models import TargetResult, TargetSkipReason
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
class CandidateTarget:
    """`read_only`: no container of the services can change the data, so an update cannot change it."""

    target: BackupTarget
    choice: BackupChoice
    read_only: bool
    destinations: tuple[str, ...]
    """The paths in containers at which the target is mounted."""

    @property
    def skipped(self) -> TargetSkipReason | None:
        """The reason to skip the target before looking at its data; None when there is none."""
        if self.choice is BackupChoice.SKIP:
            return TargetSkipReason.BY_USER
        if self.read_only and self.choice is not BackupChoice.FORCE:
            return TargetSkipReason.READ_ONLY
        return None

    def limit(self, skip_over_bytes: int) -> int | None:
        return None if self.choice is BackupChoice.FORCE else skip_over_bytes

    def leave_out(
        self, reason: TargetSkipReason, *, size_bytes: int | None = None, error: str | None = None
    ) -> TargetResult:
        return TargetResult(self.target, reason, size_bytes=size_bytes, error=error)

    def include(self, size_bytes: int) -> TargetResult:
        return TargetResult(self.target, size_bytes=size_bytes, effective=self.choice.value)


def candidate_targets(
    services: Iterable[tuple[ServiceSettings, Sequence[ContainerDetail]]], own_directory: str
) -> tuple[CandidateTarget, ...]:
    """Merges the mounts of the services.

    For a shared target, `force` beats `inherit`, and `inherit` beats `skip`. It counts as writable if any
    container can write to it. A mount that contains `own_directory`, the directory of the backups, is never a
    target.
    """
    candidates: dict[BackupTarget, CandidateTarget] = {}
    for settings, containers in services:
        for mount in (mount for container in containers for mount in container.mounts):
            target = target_of(mount)
            if target is None or _is_foreign(target, own_directory):
                continue
            candidate = CandidateTarget(
                target, _choice(settings, target), not mount.read_write, (mount.destination,)
            )
            if target in candidates:
                candidate = _merged(candidates[target], candidate)
            candidates[target] = candidate
    return tuple(candidates[target] for target in sorted(candidates))


def _is_foreign(target: BackupTarget, own_directory: str) -> bool:
    if target.kind is TargetKind.VOLUME:
        return False
    path = target.source
    return path == "/" or any(_is_below(path, system) for system in _SYSTEM) or _is_below(own_directory, path)


def _is_below(path: str, directory: str) -> bool:
    return PurePosixPath(path).is_relative_to(directory)


def _choice(settings: ServiceSettings, target: BackupTarget) -> BackupChoice:
    """The operator's choice for the target. A slash at the end of a path makes no difference."""
    if target.kind is TargetKind.VOLUME:
        return settings.volume_names.get(target.source, BackupChoice.INHERIT)
    choices = {str(PurePosixPath(path)): choice for path, choice in settings.bind_paths.items()}
    return choices.get(str(PurePosixPath(target.source)), BackupChoice.INHERIT)


def _merged(first: CandidateTarget, second: CandidateTarget) -> CandidateTarget:
    return CandidateTarget(
        target=first.target,
        choice=max(first.choice, second.choice, key=_STRENGTH.__getitem__),
        read_only=first.read_only and second.read_only,
        destinations=tuple(dict.fromkeys((*first.destinations, *second.destinations))),
    )

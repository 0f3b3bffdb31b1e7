"""
Reads and writes the data of a target through the Engine API alone, so that it works with a remote engine too.

A helper container mounts the target below a folder named after the target's label. Dockrev creates the
container and never starts it, because the engine can archive and unpack the folder anyway. A restore has to
remove files that are not in the archive, and the engine has no call for that. But when an archive has a file
in place of a directory, the engine removes the whole directory. So a restore mounts the parent directory of
the target and uses this.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from dockrev.backups.manifest import ArchivedTarget
from dockrev.docker.containers import HelperMount, MountType
from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.errors import BackupError, DockerError, DockerNotFound
from dockrev.hosts.host import Host
from dockrev.uncancellable import uncancellable

_MOUNT_ROOT = "/dockrev"
_EMPTYING_SECONDS = 600.0
_VOLUME_ROOT = "_data"
"""The name that the engine's own volume driver gives the directory of a volume."""


@dataclass(frozen=True, slots=True)
class MountedTarget:
    """The place of the target in the helper container. Archives name it `label/root`."""

    target: BackupTarget
    label: str
    root: str

    @classmethod
    def of(cls, target: BackupTarget, index: int) -> "MountedTarget":
        """`index` makes the labels of targets with similar names different."""
        words = re.sub(r"[^A-Za-z0-9_.-]+", "-", target.source).strip("-.")[:60]
        kind = "volume" if target.kind is TargetKind.VOLUME else "path"
        root = _VOLUME_ROOT if target.kind is TargetKind.VOLUME else PurePosixPath(target.source).name
        return cls(target, f"{index}-{kind}-{words}", root)

    @classmethod
    def of_archived(cls, archived: ArchivedTarget) -> "MountedTarget":
        return cls(archived.target, archived.label, archived.root)

    @property
    def archive_path(self) -> str:
        return f"{self.label}/{self.root}"

    @property
    def mount_path(self) -> str:
        return f"{_MOUNT_ROOT}/{self.label}/{self.root}"

    @property
    def folder(self) -> str:
        return f"{_MOUNT_ROOT}/{self.label}"


@dataclass(frozen=True, slots=True)
class HelperContainer:
    id: str
    mounted: MountedTarget


class DataAccess:
    """`image_id` may be any image on the engine. A helper container needs one and runs nothing of it."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def read(self, mounted: MountedTarget, image_id: str) -> AsyncGenerator[bytes, None]:
        """The tar archive of the folder that holds the target. Close it (`aclosing`) to end it early."""
        async with (
            self._helper(mounted, image_id, _mount(mounted, read_only=True)) as helper,
            aclosing(self._host.archives.get(helper.id, mounted.folder)) as archive,
        ):
            async for chunk in archive:
                yield chunk

    @asynccontextmanager
    async def open_parent(
        self, mounted: MountedTarget, image_id: str
    ) -> AsyncIterator[HelperContainer | None]:
        """Mounts the parent directory of the target. None when the data is not in that directory.

        This is the case for a symlink, and for a volume whose driver keeps the data somewhere else.
        """
        parent = await self._parent(mounted.target)
        if parent is None:
            yield None
            return
        mount = HelperMount(MountType.BIND, parent, mounted.folder)
        async with self._helper(mounted, image_id, mount) as helper:
            yield None if await self._is_symlink(helper) else helper

    @asynccontextmanager
    async def open_target(self, mounted: MountedTarget, image_id: str) -> AsyncIterator[HelperContainer]:
        """Mounts the target itself."""
        async with self._helper(mounted, image_id, _mount(mounted, read_only=False)) as helper:
            yield helper

    async def write(self, helper: HelperContainer, tar: AsyncGenerator[bytes, None]) -> None:
        async with aclosing(tar):
            await self._host.archives.put(helper.id, _MOUNT_ROOT, tar)

    async def empty(self, mounted: MountedTarget, image_id: str) -> None:
        """Runs `rm` in a container of the image. Raises DockerError, also when the image has no shell."""
        script = f"cd {_quoted(mounted.mount_path)} && rm -rf -- ..?* .[!.]* *"
        command = ("/bin/sh", "-c", script)
        async with self._helper(mounted, image_id, _mount(mounted, read_only=False), command) as helper:
            await self._host.containers.start(helper.id)
            code = await self._host.containers.wait(helper.id, timeout_seconds=_EMPTYING_SECONDS)
        if code:
            raise DockerError(f"{mounted.target} could not be emptied (rm exited with code {code})")

    @asynccontextmanager
    async def _helper(
        self, mounted: MountedTarget, image_id: str, mount: HelperMount, command: Sequence[str] = ()
    ) -> AsyncIterator[HelperContainer]:
        """Removes the container at the end, even when a cancellation comes during its creation."""
        created: list[str] = []

        async def create() -> None:
            created.append(await self._host.containers.create_helper(image_id, (mount,), command))

        try:
            await uncancellable(create())
            yield HelperContainer(created[0], mounted)
        finally:
            for helper_id in created:
                await uncancellable(self._host.containers.remove_helper(helper_id))

    async def _parent(self, target: BackupTarget) -> str | None:
        if target.kind is TargetKind.BIND:
            return str(PurePosixPath(target.source).parent)
        volume = await self._host.volumes.find(target.source)
        if volume is None:
            raise BackupError(f"{target} does not exist; create it first (docker compose up --no-start)")
        if volume.driver != "local" or volume.options:
            return None
        mountpoint = PurePosixPath(volume.mountpoint)
        return str(mountpoint.parent) if mountpoint.name == _VOLUME_ROOT else None

    async def _is_symlink(self, helper: HelperContainer) -> bool:
        with suppress(DockerNotFound):
            return await self._host.archives.is_symlink(helper.id, helper.mounted.mount_path)
        return False  # the target was removed; the restore creates it again


def _mount(mounted: MountedTarget, *, read_only: bool) -> HelperMount:
    kind = MountType.VOLUME if mounted.target.kind is TargetKind.VOLUME else MountType.BIND
    return HelperMount(kind, mounted.target.source, mounted.mount_path, read_only)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"

"""
Access to the data of a target through the engine alone, so that it works with a remote one too.

A helper container that never starts has the target mounted below a folder that bears its label; the archive
of that folder has everything. Writing has to remove what is there besides, and no call of the engine does so.
But where an archive has a file, unpacking it removes a whole directory of that name: for writing, the folder
that holds the target is mounted.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from dockrev.backups.shielding import to_the_end
from dockrev.docker.containers import HelperMount, MountType
from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.errors import BackupError, DockerError, DockerNotFound
from dockrev.hosts.host import Host

_BAY = "/dockrev"
_EMPTYING_SECONDS = 600.0
_VOLUME_ROOT = "_data"
"""The name that the engine's own volume driver gives the directory of a volume."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the target is seen: `label/root` in archives."""

    target: BackupTarget
    label: str
    root: str

    @classmethod
    def of(cls, target: BackupTarget, index: int) -> "Place":
        """`index` tells targets apart whose names read alike."""
        words = re.sub(r"[^A-Za-z0-9_.-]+", "-", target.source).strip("-.")[:60]
        kind = "volume" if target.kind is TargetKind.VOLUME else "path"
        root = _VOLUME_ROOT if target.kind is TargetKind.VOLUME else PurePosixPath(target.source).name
        return cls(target, f"{index}-{kind}-{words}", root)

    @property
    def path(self) -> str:
        return f"{self.label}/{self.root}"

    @property
    def mounted_at(self) -> str:
        return f"{_BAY}/{self.label}/{self.root}"

    @property
    def folder(self) -> str:
        return f"{_BAY}/{self.label}"


@dataclass(frozen=True, slots=True)
class Opened:
    helper_id: str
    place: Place


class DataAccess:
    """`image_id` is that of any image the engine has; nothing of it is used."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def read(self, place: Place, image_id: str) -> AsyncGenerator[bytes, None]:
        """The tar archive of the folder with the target in it. Close it (`aclosing`) to end it early."""
        async with (
            self._opened(place, image_id, _mount(place, read_only=True)) as opened,
            aclosing(self._host.archives.get(opened.helper_id, place.folder)) as archive,
        ):
            async for chunk in archive:
                yield chunk

    @asynccontextmanager
    async def beside(self, place: Place, image_id: str) -> AsyncIterator[Opened | None]:
        """The folder that holds the target; None when what is known as the target is not what is in there.

        That is so for a symlink, and for volumes that a driver puts somewhere else.
        """
        holder = await self._holder(place.target)
        if holder is None:
            yield None
            return
        mount = HelperMount(MountType.BIND, holder, place.folder)
        async with self._opened(place, image_id, mount) as opened:
            yield None if await self._is_symlink(opened) else opened

    @asynccontextmanager
    async def inside(self, place: Place, image_id: str) -> AsyncIterator[Opened]:
        """The target itself."""
        async with self._opened(place, image_id, _mount(place, read_only=False)) as opened:
            yield opened

    async def write(self, opened: Opened, tar: AsyncGenerator[bytes, None]) -> None:
        async with aclosing(tar):
            await self._host.archives.put(opened.helper_id, _BAY, tar)

    async def empty(self, place: Place, image_id: str) -> None:
        """With the shell of that image, which must have one. Raises DockerError."""
        script = f"cd {_quoted(place.mounted_at)} && rm -rf -- ..?* .[!.]* *"
        command = ("/bin/sh", "-c", script)
        async with self._helper(image_id, _mount(place, read_only=False), command) as helper_id:
            await self._host.containers.start(helper_id)
            code = await self._host.containers.wait(helper_id, timeout_seconds=_EMPTYING_SECONDS)
        if code:
            raise DockerError(f"{place.target} could not be emptied (rm ended with {code})")

    @asynccontextmanager
    async def _opened(self, place: Place, image_id: str, mount: HelperMount) -> AsyncIterator[Opened]:
        async with self._helper(image_id, mount) as helper_id:
            yield Opened(helper_id, place)

    @asynccontextmanager
    async def _helper(
        self, image_id: str, mount: HelperMount, command: Sequence[str] = ()
    ) -> AsyncIterator[str]:
        """Removed also when its making is cancelled."""
        made: list[str] = []

        async def make() -> None:
            made.append(await self._host.containers.create_helper(image_id, (mount,), command))

        try:
            await to_the_end(make())
            yield made[0]
        finally:
            for helper_id in made:
                await to_the_end(self._host.containers.remove_helper(helper_id))

    async def _holder(self, target: BackupTarget) -> str | None:
        if target.kind is TargetKind.BIND:
            return str(PurePosixPath(target.source).parent)
        volume = await self._host.volumes.find(target.source)
        if volume is None:
            raise BackupError(f"{target} does not exist; create it first (docker compose up --no-start)")
        if volume.driver != "local" or volume.options:
            return None
        mountpoint = PurePosixPath(volume.mountpoint)
        return str(mountpoint.parent) if mountpoint.name == _VOLUME_ROOT else None

    async def _is_symlink(self, opened: Opened) -> bool:
        with suppress(DockerNotFound):
            return (await self._host.archives.stat(opened.helper_id, opened.place.mounted_at)).symlink
        return False  # it is gone, and will be there again


def _mount(place: Place, *, read_only: bool) -> HelperMount:
    kind = MountType.VOLUME if place.target.kind is TargetKind.VOLUME else MountType.BIND
    return HelperMount(kind, place.target.source, place.mounted_at, read_only)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"

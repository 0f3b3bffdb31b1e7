"""Copies file trees in and out of containers of a real engine. Nothing in them may change on the way."""

import posixpath
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from io import BytesIO

import pytest

from dockrev.docker.archives import Archives
from dockrev.docker.containers import Containers, HelperMount, MountType
from dockrev.docker.engine import Engine
from dockrev.errors import DockerError, DockerNotFound
from tests.docker.volumes import temporary_volume
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Images

Entry = tuple[str, bytes, int, int, int, int, str, bytes]


def nasty_tree() -> bytes:
    """Owners without an account, special modes, links, odd names, old and future times."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        add(archive, "closed", mode=0o000, uid=1000, gid=2000, content=b"secret")
        add(archive, "setuid", mode=0o6755, uid=12345, content=b"#!/bin/sh\n")
        add(archive, "shared", tarfile.DIRTYPE, mode=0o3777, gid=50, mtime=1_000_000_000)
        add(archive, "shared/empty", tarfile.DIRTYPE, mode=0o700, uid=1)
        add(archive, f"shared/{'n' * 200}", content=b"long")
        add(archive, "\u00fc \n'\"$x", content=b"odd", mtime=1)
        add(archive, "raw-\udcff\udcfe", content=b"not UTF-8")
        add(archive, "link", tarfile.SYMTYPE, linkname="/etc/passwd", uid=7)
        add(archive, "big", content=bytes(range(256)) * 8192)
        add(archive, "hard", tarfile.LNKTYPE, linkname="big")
        add(archive, "pipe", tarfile.FIFOTYPE, mode=0o622)
    return buffer.getvalue()


def add(
    archive: tarfile.TarFile,
    name: str,
    kind: bytes = tarfile.REGTYPE,
    *,
    mode: int = 0o644,
    uid: int = 0,
    gid: int = 0,
    mtime: int = 1_700_000_000,
    linkname: str = "",
    content: bytes = b"",
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.gid = kind, mode, uid, gid
    entry.mtime, entry.linkname, entry.size = mtime, linkname, len(content)
    archive.addfile(entry, BytesIO(content))


def entries(content: bytes, *, below: str = "") -> dict[str, Entry]:
    """The entries by name. The order of the names of a hard link does not matter."""
    by_name = {}
    with tarfile.open(fileobj=BytesIO(content)) as archive:
        for member in archive:
            name = posixpath.relpath(member.name, below or ".")
            if name == ".":
                continue
            file = archive.extractfile(member) if member.isreg() or member.islnk() else None
            body = file.read() if file else b""
            kind = tarfile.REGTYPE if member.islnk() else member.type
            target = member.linkname if member.issym() else ""
            mode = 0o777 if member.issym() else member.mode & 0o7777
            by_name[name] = (name, kind, mode, member.uid, member.gid, int(member.mtime), target, body)
    return by_name


async def chunks(content: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def read(archives: Archives, container_id: str, path: str) -> bytes:
    async with aclosing(archives.get(container_id, path)) as pieces:
        return b"".join([piece async for piece in pieces])


@pytest.fixture
def archives(real: Engine) -> Archives:
    return Archives(real)


@pytest.fixture
def image_id(engine: RealEngine, images: Images) -> str:
    return engine.load(images.build("files"), "local/files:1")


@pytest.fixture
def volume(engine: RealEngine) -> Iterator[str]:
    with temporary_volume(engine) as name:
        yield name


class Helper:
    """A container with the volume at /data. It exists until the end of the block."""

    def __init__(self, real: Engine, image_id: str, volume: str, command: tuple[str, ...] = ()) -> None:
        self._containers = Containers(real)
        self._arguments = (image_id, (HelperMount(MountType.VOLUME, volume, "/data"),), command)
        self._runs = bool(command)

    async def __aenter__(self) -> str:
        self._id = await self._containers.create_helper(*self._arguments)
        if self._runs:
            await self._containers.start(self._id)
        return self._id

    async def __aexit__(self, *_: object) -> None:
        await self._containers.remove_helper(self._id)


STAY = ("/bin/sleep", "600")


async def test_a_tree_comes_back_unchanged(
    real: Engine, archives: Archives, image_id: str, volume: str
) -> None:
    """Copies into a container that never ran, and out of it, a running one and a stopped one."""
    tree = nasty_tree()
    async with Helper(real, image_id, volume) as idle, Helper(real, image_id, volume, STAY) as running:
        await archives.put(idle, "/data", chunks(tree))
        from_idle = await read(archives, idle, "/data/.")
        from_running = await read(archives, running, "/data/.")
        await Containers(real).stop(running, grace_seconds=0)
        from_stopped = await read(archives, running, "/data/.")

    expected = entries(tree)
    assert len(expected) == 11
    for content in (from_idle, from_running, from_stopped):
        assert entries(content) == expected


async def test_hard_links_stay_links(real: Engine, archives: Archives, image_id: str, volume: str) -> None:
    async with Helper(real, image_id, volume) as helper:
        await archives.put(helper, "/data", chunks(nasty_tree()))
        content = await read(archives, helper, "/data/.")

    with tarfile.open(fileobj=BytesIO(content)) as archive:
        assert [member.linkname for member in archive if member.islnk()] == ["./big"]


async def test_names_in_an_archive_start_with_the_last_part_of_the_path(
    real: Engine, archives: Archives, image_id: str, volume: str
) -> None:
    async with Helper(real, image_id, volume) as helper:
        await archives.put(helper, "/data", chunks(nasty_tree()))
        whole = await read(archives, helper, "/data")
        archive = await read(archives, helper, "/data/setuid")

    assert entries(whole, below="data") == entries(nasty_tree())
    assert list(entries(archive)) == ["setuid"]


async def test_an_upload_replaces_entries_of_the_same_name_and_removes_nothing_else(
    real: Engine, archives: Archives, image_id: str, volume: str
) -> None:
    async with Helper(real, image_id, volume) as helper:
        await archives.put(helper, "/data", chunks(nasty_tree()))
        second = BytesIO()
        with tarfile.open(fileobj=second, mode="w") as archive:
            add(archive, "closed", tarfile.DIRTYPE, mode=0o755)
            add(archive, "shared", content=b"now a file")
        await archives.put(helper, "/data", chunks(second.getvalue()))
        by_name = entries(await read(archives, helper, "/data/."))

    assert by_name["closed"][1] == tarfile.DIRTYPE
    assert by_name["shared"][-1] == b"now a file"
    assert "shared/empty" not in by_name
    assert {"setuid", "big", "link"} <= set(by_name)


async def test_is_symlink_tells_symlinks_from_files(
    real: Engine, archives: Archives, image_id: str, volume: str
) -> None:
    async with Helper(real, image_id, volume) as helper:
        await archives.put(helper, "/data", chunks(nasty_tree()))
        by_name = {
            name: await archives.is_symlink(helper, f"/data/{name}") for name in ("setuid", "shared", "link")
        }
        with pytest.raises(DockerNotFound, match="nothing-here"):
            await archives.is_symlink(helper, "/data/nothing-here")

    assert by_name == {"setuid": False, "shared": False, "link": True}


async def test_a_missing_path_raises_not_found(
    real: Engine, archives: Archives, image_id: str, volume: str
) -> None:
    async with Helper(real, image_id, volume) as helper:
        with pytest.raises(DockerNotFound):
            await read(archives, helper, "/nothing-here")
        with pytest.raises(DockerNotFound):
            await archives.put(helper, "/nothing-here", chunks(nasty_tree()))


async def test_a_full_disk_raises_the_reason(
    real: Engine, engine: RealEngine, archives: Archives, image_id: str
) -> None:
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        add(archive, "big", content=b"x" * 30_000_000)

    with temporary_volume(engine, {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}) as name:
        async with Helper(real, image_id, name) as helper:
            with pytest.raises(DockerError, match=r"no space left on device|broke off"):
                await archives.put(helper, "/data", chunks(content.getvalue()))


async def test_a_truncated_archive_is_refused(
    real: Engine, archives: Archives, image_id: str, volume: str
) -> None:
    async with Helper(real, image_id, volume) as helper:
        with pytest.raises(DockerError, match="EOF"):
            await archives.put(helper, "/data", chunks(nasty_tree()[:1_000_000]))


async def test_an_upload_does_not_write_through_a_link_out_of_the_container(
    real: Engine, archives: Archives, image_id: str, volume: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        add(archive, "out", tarfile.SYMTYPE, linkname=str(outside))
        add(archive, "out/file", content=b"x")

    async with Helper(real, image_id, volume) as helper:
        with pytest.raises(DockerError):
            await archives.put(helper, "/data", chunks(content.getvalue()))

    assert list(outside.iterdir()) == []

"""What the download of an image refuses. The engine is in memory: none of this depends on a real one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from dockrev.blockers import Blocked, Blocker
from dockrev.clock import SystemClock
from dockrev.hosts.host import Host
from dockrev.hosts.local import LOCAL
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child, ImageManifest, Index
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.replacement.download import Download, expected_download, require_space
from dockrev.replacement.ports import ImageRegistry
from tests.fakes.engine import FakeEngine

NEW = Digest.of(b"the index")
ARM = Digest.of(b"the image for arm64")
CONTENT = ImageRef.parse(f"registry.example/web@{NEW}")
PREVIOUS = "sha256:previous"


@asynccontextmanager
async def host_of(engine: FakeEngine) -> AsyncIterator[Host]:
    async with Host.open(LOCAL, engine.config, SystemClock(), own_image="registry.example/dockrev") as host:
        yield host


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """A host for linux/amd64 without images."""
    async with FakeEngine.running() as engine, host_of(engine) as host:
        yield host


def registry(*children: Child) -> ImageRegistry:
    """Offers an index of these children. Each child takes 100 bytes."""

    async def manifest(ref: ImageRef) -> Index | ImageManifest:
        assert ref.digest is not None
        return Index(children) if ref.digest == NEW else ImageManifest(ref.digest, 100)

    async def login(ref: ImageRef) -> None:
        del ref

    return ImageRegistry(manifest, login)


ARM_ONLY = registry(Child(Platform("linux", "arm64"), ARM))


@asynccontextmanager
async def host_with_data_in(directory: Path) -> AsyncIterator[Host]:
    """A host whose engine says that its data is in this directory."""

    async def info(request: web.Request) -> web.Response:
        del request
        return web.json_response({"Architecture": "x86_64", "DockerRootDir": str(directory)})

    async with FakeEngine.running() as engine, host_of(engine) as host:
        engine.handlers["GET /info"] = info
        yield host


async def test_an_image_that_does_not_fit_on_the_disk_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    async with host_with_data_in(tmp_path) as host:
        with pytest.raises(Blocked) as refused:
            await require_space(host, 10**18)
        await require_space(host, 1)

    blocker = refused.value.blocker
    assert blocker.code == "disk_full"
    assert blocker.text.startswith(f"the image needs about {3 * 10**12} MB of disk space, and ")
    assert blocker.remedy == "free some space in the engine's data directory"


async def test_an_unknown_amount_of_free_space_refuses_nothing(tmp_path: Path) -> None:
    """The engine runs elsewhere: no engine has its data in the directory of that name on this machine."""
    async with host_with_data_in(tmp_path) as host:
        await require_space(host, 10**18)


async def test_an_image_for_other_platforms_only_is_refused(host: Host) -> None:
    with pytest.raises(Blocked) as refused:
        await expected_download(host, ARM_ONLY, CONTENT, PREVIOUS, allow_arch_mismatch=False)

    text = "the registry does not offer the image for linux/amd64"
    assert refused.value.blocker == Blocker("platform_mismatch", text)


@pytest.mark.parametrize(
    ("allowed", "code"), [(False, "platform_mismatch"), (True, "empty_index")], ids=["refused", "allowed"]
)
async def test_an_index_without_images_is_refused(host: Host, allowed: bool, code: str) -> None:
    with pytest.raises(Blocked) as refused:
        await expected_download(host, registry(), CONTENT, PREVIOUS, allow_arch_mismatch=allowed)

    assert refused.value.blocker.code == code


async def test_the_image_for_the_platform_of_the_host_is_measured(host: Host) -> None:
    offered = registry(
        Child(Platform("linux", "arm64"), ARM), Child(Platform("linux", "amd64"), Digest.of(b"amd64"))
    )
    expected = await expected_download(host, offered, CONTENT, PREVIOUS, allow_arch_mismatch=False)
    assert expected == Download(100)

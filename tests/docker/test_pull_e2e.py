"""Pulls from real registries with a real engine."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from dockrev.config.shared import DockerConfig
from dockrev.docker.disk import free_bytes
from dockrev.docker.engine import Engine
from dockrev.docker.images import Images as EngineImages
from dockrev.docker.pull_progress import PullProgress
from dockrev.docker.registry_login import RegistryLogin
from dockrev.errors import DockerError
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from tests.testbed.access import OPERATOR
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Image, Images
from tests.testbed.registry import Pushed, Registry


def image_of(images: Images, size: int = 1) -> Image:
    """An image that no other test uses: the engine does not have its last layer."""
    return images.build("web", files={"content": os.urandom(size)})


def digest_of(pushed: Pushed) -> ImageRef:
    return pushed.ref.at(pushed.digest)


async def pull(
    client: Engine, pushed: Pushed, login: RegistryLogin | None = None
) -> tuple[str, list[PullProgress]]:
    seen: list[PullProgress] = []
    image_id = await EngineImages(client).pull(digest_of(pushed), login, seen.append)
    return image_id, seen


def only_forward(steps: Sequence[PullProgress]) -> bool:
    figures = [(step.bytes_done, step.bytes_total) for step in steps]
    return all(
        before <= after
        for one, next_one in pairwise(figures)
        for before, after in zip(one, next_one, strict=True)
    )


def login(registry: Registry, password: str = OPERATOR.password) -> RegistryLogin:
    return RegistryLogin(registry.host, username=OPERATOR.username, password=password)


async def test_the_progress_counts_the_bytes_of_the_layers(
    private_engine: RealEngine, registry: Registry, images: Images
) -> None:
    """The engine is empty, so it fetches every layer."""
    image = image_of(images, 3_000_000)
    pushed = registry.push(image, "web:1.0")

    async with Engine.open(DockerConfig(host=private_engine.host), timeout_seconds=60) as client:
        image_id, seen = await pull(client, pushed)

    size = sum(len(layer.compressed) for layer in image.layers)
    assert image_id == image.image_id
    assert seen[-1] == PullProgress(size, size)
    assert only_forward(seen)
    assert len({step.bytes_done for step in seen}) > 3


async def test_layers_that_the_engine_has_are_not_fetched_again(
    real: Engine, registry: Registry, images: Images
) -> None:
    await pull(real, registry.push(image_of(images), "web:1.0"))
    image = image_of(images, 100_000)

    _, seen = await pull(real, registry.push(image, "web:1.1"))

    last = len(image.layers[-1].compressed)
    assert seen[-1] == PullProgress(last, last)


async def test_pulling_an_existing_image_fetches_nothing(
    real: Engine, registry: Registry, images: Images
) -> None:
    pushed = registry.push(image_of(images), "web:1.0")
    first, _ = await pull(real, pushed)

    assert await pull(real, pushed) == (first, [PullProgress()])


async def test_pull_sets_no_tag_and_the_engine_knows_the_digest(
    real: Engine, registry: Registry, images: Images
) -> None:
    pushed = registry.push(image_of(images), "web:1.0")

    image_id, _ = await pull(real, pushed)

    assert await EngineImages(real).find_id(pushed.name) is None
    assert await EngineImages(real).find_id(f"{pushed.ref.repository}@{pushed.digest}") == image_id
    image = await EngineImages(real).inspect(image_id)
    assert image.digests_of(pushed.ref.repository) == (pushed.digest,)


async def test_pull_gets_the_approved_digest_after_its_tag_has_moved(
    real: Engine, registry: Registry, images: Images
) -> None:
    approved = image_of(images)
    pushed = registry.push(approved, "web:1.0")
    registry.push(image_of(images), "web:1.0")

    assert (await pull(real, pushed))[0] == approved.image_id


async def test_an_index_is_pulled_by_the_digest_of_the_index(
    real: Engine, registry: Registry, images: Images
) -> None:
    here = image_of(images)
    other = images.build("web", platform=Platform("linux", "s390x"), files={"content": os.urandom(1)})
    pushed = registry.push_index([other, here], "web:1.0")

    assert (await pull(real, pushed))[0] == here.image_id


async def test_another_platform_of_an_index_can_be_pulled(
    real: Engine, registry: Registry, images: Images
) -> None:
    other = images.build("web", platform=Platform("linux", "s390x"), files={"content": os.urandom(1)})
    pushed = registry.push_index([other], "web:1.0")

    with pytest.raises(DockerError, match="has no image for the platform"):
        await pull(real, pushed)
    pulling = EngineImages(real).pull(digest_of(pushed), None, lambda _: None, platform=other.platform)

    assert await pulling == other.image_id


@pytest.mark.parametrize("kind", ["password_registry", "token_registry"])
async def test_pull_logs_in_to_a_registry_that_requires_it(
    bed: Bed, real: Engine, images: Images, kind: str
) -> None:
    registry: Registry = getattr(bed, kind).within(f"t{secrets.token_hex(4)}")
    image = image_of(images)
    pushed = registry.push(image, "web:1.0")

    for refused in (None, login(registry, "wrong")):
        with pytest.raises(DockerError, match="does not let this engine pull") as failed:
            await pull(real, pushed, refused)
        assert failed.value.permanent
        assert "wrong" not in failed.value.message

    assert (await pull(real, pushed, login(registry)))[0] == image.image_id


async def test_a_missing_digest_is_reported(real: Engine, registry: Registry, images: Images) -> None:
    pushed = registry.push(image_of(images), "web:1.0")
    registry.delete("web:1.0")

    with pytest.raises(DockerError, match="does not offer"):
        await pull(real, pushed)


async def test_an_unreachable_registry_is_reported(real: Engine, unused_tcp_port: int) -> None:
    gone = ImageRef.parse(f"127.0.0.1:{unused_tcp_port}/web@sha256:{'a' * 64}")

    with pytest.raises(DockerError, match="cannot reach the registry") as failed:
        await EngineImages(real).pull(gone, None, lambda _: None)

    assert not failed.value.permanent


@contextmanager
def small_engine(bed: Bed, megabytes: int) -> Iterator[RealEngine]:
    """An engine whose data directory is on a disk of that size."""
    name = f"engine-{secrets.token_hex(3)}"
    data = bed.directory / name / "data"
    data.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "small", data], check=True)
    engine = RealEngine(bed.keeper, name)
    try:
        engine.start()
        yield engine
    finally:
        engine.kill()
        subprocess.run(["umount", "--lazy", data], check=True)
        engine.discard()


async def test_a_full_disk_is_reported_and_nothing_of_the_image_stays(
    bed: Bed, registry: Registry, images: Images
) -> None:
    pushed = registry.push(image_of(images, 24_000_000), "web:1.0")
    with small_engine(bed, 20) as engine:
        async with Engine.open(DockerConfig(host=engine.host), timeout_seconds=60) as client:
            free = await free_bytes(client)
            with pytest.raises(DockerError, match="disk is full") as failed:
                await pull(client, pushed)
            left = await EngineImages(client).find_id(f"{pushed.ref.repository}@{pushed.digest}")

    assert failed.value.permanent
    assert left is None
    assert free is not None
    assert 0 < free < 20 * 1024 * 1024


async def test_free_bytes_measures_the_engines_data_directory(real: Engine, engine: RealEngine) -> None:
    root = Path(engine.api.get("/info")["DockerRootDir"])
    status = await asyncio.to_thread(os.statvfs, root)

    free = await free_bytes(real)

    assert free == pytest.approx(status.f_bavail * status.f_frsize, rel=0.2)

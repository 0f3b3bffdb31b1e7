"""The login that the engine gets for a pull, and pulls from registries that need one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockrev.clock import SystemClock
from dockrev.config.shared import DockerConfig
from dockrev.docker.engine import Engine
from dockrev.docker.images import Images as EngineImages
from dockrev.docker.registry_login import RegistryLogin
from dockrev.errors import DockerError, RegistryError
from dockrev.oci.ref import ImageRef
from dockrev.registry.credentials import CredentialStore
from dockrev.updates.logins import registry_login
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Images
from tests.testbed.registry import Pushed, Registry

BASIC = "b3BlcmF0b3I6b3BlbnNlc2FtZQ=="


def credentials(directory: Path, document: object) -> CredentialStore:
    file = directory / "config.json"
    file.write_text(json.dumps(document))
    return CredentialStore(file, SystemClock())


async def test_a_registry_without_a_login_gets_none(tmp_path: Path) -> None:
    store = credentials(tmp_path, {"auths": {"ghcr.io": {"auth": BASIC}}})

    assert await registry_login(store, ImageRef.parse("quay.io/app:1")) is None


async def test_a_login_has_the_user_the_password_and_the_registrys_host(tmp_path: Path) -> None:
    store = credentials(tmp_path, {"auths": {"https://ghcr.io": {"auth": BASIC}}})

    login = await registry_login(store, ImageRef.parse("ghcr.io/acme/app:1"))

    assert login == RegistryLogin("ghcr.io", "operator", "opensesame")


async def test_the_login_of_docker_hub_has_dockers_own_server_name(tmp_path: Path) -> None:
    store = credentials(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": BASIC}}})

    login = await registry_login(store, ImageRef.parse("nginx:1"))

    assert login == RegistryLogin("https://index.docker.io/v1/", "operator", "opensesame")


async def test_an_identity_token_is_sent_without_user_and_password(tmp_path: Path) -> None:
    store = credentials(tmp_path, {"auths": {"ghcr.io": {"auth": BASIC, "identitytoken": "refresh"}}})

    login = await registry_login(store, ImageRef.parse("ghcr.io/acme/app:1"))

    assert login == RegistryLogin("ghcr.io", identity_token="refresh")


async def test_an_unreadable_config_is_an_error_and_does_not_cause_an_anonymous_pull(tmp_path: Path) -> None:
    store = credentials(tmp_path, {"auths": {"ghcr.io": {"auth": "###"}}})

    with pytest.raises(RegistryError, match="not base64"):
        await registry_login(store, ImageRef.parse("ghcr.io/acme/app:1"))


@asynccontextmanager
async def pulling(engine: RealEngine) -> AsyncIterator[EngineImages]:
    async with Engine.open(DockerConfig(host=engine.host)) as client:
        yield EngineImages(client)


def chosen(bed: Bed, kind: str) -> Registry:
    return {"password": bed.password_registry, "token": bed.token_registry}[kind].within("private")


def pushed(bed: Bed, images: Images, kind: str) -> Pushed:
    return chosen(bed, kind).push(images.build(f"login-{kind}"), f"login-{kind}:1")


@pytest.mark.parametrize("kind", ["password", "token"])
async def test_the_engine_can_pull_with_the_login(bed: Bed, images: Images, kind: str) -> None:
    image = pushed(bed, images, kind)
    content = image.ref.at(image.digest)
    store = CredentialStore(bed.docker_config.file, SystemClock())

    async with pulling(bed.engine) as pull:
        login = await registry_login(store, content)
        image_id = await pull.pull(content, login, lambda _: None)

    assert image_id == images.build(f"login-{kind}").image_id


@pytest.mark.parametrize("kind", ["password", "token"])
async def test_without_the_login_the_registry_refuses_the_pull(bed: Bed, images: Images, kind: str) -> None:
    image = chosen(bed, kind).push(images.build(f"refused-{kind}"), f"refused-{kind}:1")

    async with pulling(bed.engine) as pull:
        with pytest.raises(DockerError):
            await pull.pull(image.ref.at(image.digest), None, lambda _: None)

"""One case for each bulk API: a fake server, and the registry whose images are asked of it."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.models import Bulk, BulkUnavailable, TagDigest
from dockrev.registry.client import RegistryClient
from tests.fakes.bulk import FakeBulk
from tests.fakes.bulk_apis import FakeDockerHub, FakeGitHub, FakeGitLab, FakeGoogle, FakeHarbor, FakeQuay
from tests.registry.conftest import OpenClient, write_auths


@dataclass(frozen=True)
class Case:
    name: str
    fake: Callable[[], FakeBulk]
    registry: str | None = None
    """None: the fake is the registry too, and has to be recognised."""
    pages: int = 3
    """So many hold 250 tags."""

    def __str__(self) -> str:
        return self.name


CASES = [
    Case("docker hub", FakeDockerHub, "docker.io"),
    Case("quay.io", FakeQuay, "quay.io"),
    Case("own quay", FakeQuay),
    Case("gitlab", FakeGitLab, pages=1),
    Case("harbor", FakeHarbor),
    Case("google", FakeGoogle, pages=1),
    Case("ghcr", FakeGitHub, "ghcr.io", pages=8),  # three versions for each tag
    Case("lscr", FakeGitHub, "lscr.io", pages=8),
]


@dataclass(frozen=True)
class Opened:
    server: FakeBulk
    client: RegistryClient
    ref: ImageRef

    @property
    def bulk(self) -> Bulk:
        found = self.client.bulk(self.ref)
        assert found
        return found

    def repository(self, name: str) -> ImageRef:
        return ImageRef.parse(f"{self.ref.registry}/{name}:latest")

    async def all(self, ref: ImageRef | None = None) -> list[TagDigest]:
        bulk = self.client.bulk(ref or self.ref)
        assert bulk
        return [tag async for page in bulk.pages(ref or self.ref) for tag in page]


@asynccontextmanager
async def opened(case: Case, open_client: OpenClient, docker_config: Path) -> AsyncIterator[Opened]:
    """An `acme/app` with `latest`, and a login of ghcr.io."""
    log_in(docker_config, "ghcr.io", "ann", "ghp_good")
    async with case.fake() as server, open_client(api_url=server.url) as client:
        server.push("acme/app", "latest")
        yield Opened(server, client, ImageRef.parse(f"{case.registry or server.host}/acme/app:latest"))


async def failure(api: Opened, ref: ImageRef | None = None) -> BulkUnavailable:
    with pytest.raises(BulkUnavailable) as caught:
        await api.all(ref)
    return caught.value


def log_in(docker_config: Path, host: str, username: str, password: str) -> str:
    """The login as Basic authorization."""
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    write_auths(docker_config, **{host: {"auth": pair}})
    return f"Basic {pair}"

"""One case for each bulk API: a fake server, and the registry whose images are asked of it."""

import base64
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.models import BulkUnavailable, TagDigest
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

    def repository(self, name: str) -> ImageRef:
        return ImageRef.parse(f"{self.ref.registry}/{name}:latest")

    def pages(self, ref: ImageRef | None = None) -> AsyncIterator[Sequence[TagDigest]]:
        pages = self.client.bulk_pages(ref or self.ref)
        assert pages
        return pages

    async def all(self, ref: ImageRef | None = None) -> list[TagDigest]:
        return [tag async for page in self.pages(ref) for tag in page]


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

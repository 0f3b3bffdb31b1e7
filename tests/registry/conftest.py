"""Clients for fake registries, with a clock that tests move."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import orjson
import pytest

from dockrev.config.server import RegistryConfig
from dockrev.http.client import Timeouts
from dockrev.registry.client import RegistryClient, open_http
from tests.fakes.clock import MovableClock

SHORT = Timeouts(connect_seconds=1.5, total_seconds=1.5)
"""For servers that do not answer. All other tests wait long, because machines that run tests are slow."""

OpenClient = Callable[..., AbstractAsyncContextManager[RegistryClient]]


@pytest.fixture
def docker_config(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


@pytest.fixture
def open_client(clock: MovableClock, docker_config: Path) -> OpenClient:
    @asynccontextmanager
    async def opened(
        *,
        timeouts: Timeouts = Timeouts(connect_seconds=10, total_seconds=10),  # noqa: B008 -- frozen
        mirrors: Mapping[str, tuple[str, ...]] | None = None,
        insecure: frozenset[str] = frozenset(),
        ca_file: Path | None = None,
        attempts: int = 3,
        base_ms: int = 1,
        api_url: str = "http://127.0.0.1:9",
    ) -> AsyncIterator[RegistryClient]:
        config = RegistryConfig(
            docker_config,
            insecure=insecure,
            ca_file=ca_file,
            mirrors=mirrors or {},
            retry_max_attempts=attempts,
            retry_base_ms=base_ms,
            retry_max_ms=1100,
            docker_hub_api_url=api_url,
            quay_api_url=api_url,
            github_api_url=api_url,
        )
        async with open_http(config, clock, timeouts=timeouts) as http:
            yield RegistryClient(config, clock, http, helper_seconds=0.5)

    return opened


@pytest.fixture
async def client(open_client: OpenClient) -> AsyncIterator[RegistryClient]:
    async with open_client() as opened:
        yield opened


class Server(Protocol):
    @property
    def host(self) -> str: ...


def cool_down_of(client: RegistryClient, server: Server) -> datetime | None:
    return next((usage.cool_down_until for usage in client.usage() if usage.host == server.host), None)


def requests_to(client: RegistryClient, server: Server) -> int:
    """How many requests the client counted."""
    return sum(usage.requests_24h for usage in client.usage() if usage.host == server.host)


def write_auths(path: Path, **entries: object) -> None:
    """config.json with `auths`; a later write is always noticed because its size or inode differs."""
    replacement = path.with_suffix(".new")
    replacement.write_bytes(orjson.dumps({"auths": entries}))
    replacement.replace(path)

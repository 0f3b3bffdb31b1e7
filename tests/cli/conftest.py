from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.command import Cli
from tests.e2e.fake_host import FakeHost
from tests.fakes.registry import FakeRegistry


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with FakeHost.running(tmp_path / "projects") as host:
        yield host


@pytest.fixture
async def fake_registry() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as registry:
        yield registry


@pytest.fixture
def cli(host: FakeHost, tmp_path: Path) -> Cli:
    return Cli(tmp_path, host.docker_host)

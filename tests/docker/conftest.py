from collections.abc import AsyncIterator

import pytest

from dockrev.config.shared import DockerConfig
from dockrev.docker.engine import Engine
from tests.fakes.engine import FakeEngine
from tests.testbed.engine import Engine as RealEngine


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.running() as engine:
        yield engine


@pytest.fixture
async def client(fake: FakeEngine) -> AsyncIterator[Engine]:
    async with Engine.open(fake.config, timeout_seconds=5) as engine:
        yield engine


@pytest.fixture
async def real(engine: RealEngine) -> AsyncIterator[Engine]:
    """A client of the testbed's engine."""
    async with Engine.open(DockerConfig(host=engine.host), timeout_seconds=60) as client:
        yield client

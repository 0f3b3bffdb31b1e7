from collections.abc import AsyncIterator

import pytest

from dockrev.docker.engine import Engine
from tests.fakes.engine import FakeEngine


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.running() as engine:
        yield engine


@pytest.fixture
async def client(fake: FakeEngine) -> AsyncIterator[Engine]:
    async with Engine.open(fake.config, timeout_seconds=5) as engine:
        yield engine

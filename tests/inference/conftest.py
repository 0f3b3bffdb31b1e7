from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.building import Engine


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as registry:
        yield registry


@pytest.fixture
async def engine(tmp_path: Path, clock: MovableClock, registry: FakeRegistry) -> AsyncIterator[Engine]:
    async with Engine.open(tmp_path, clock, registry) as engine:
        yield engine

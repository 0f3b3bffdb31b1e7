"""A host and a registry in memory (a plug-in of tests/conftest.py)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with FakeHost.running(tmp_path / "projects") as host:
        yield host


@pytest.fixture
async def fake_registry() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as registry:
        yield registry

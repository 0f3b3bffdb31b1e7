"""A database in a file of the test's own, and a clock that stands still (a plug-in of tests/conftest.py)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockrev.db.database import Database
from tests.fakes.clock import MovableClock


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(tmp_path / "dockrev.sqlite3", busy_timeout_ms=200) as database:
        yield database

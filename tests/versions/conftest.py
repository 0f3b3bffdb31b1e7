import pytest

from dockrev.db.database import Database
from dockrev.versions.store import VersionStore
from tests.fakes.clock import MovableClock
from tests.versions.building import Facts


@pytest.fixture
def store(database: Database) -> VersionStore:
    return VersionStore(database)


@pytest.fixture
def facts(clock: MovableClock) -> Facts:
    return Facts(clock)

import pytest

from dockrev.db.database import Database
from tests.fakes.clock import MovableClock
from tests.jobs.building import Jobs


@pytest.fixture
def jobs(database: Database, clock: MovableClock) -> Jobs:
    return Jobs.of(database, clock)

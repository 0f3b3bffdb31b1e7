"""A stack whose service has the ignore rules of a test."""

import pytest

from dockrev.db.database import Database
from dockrev.stacks.models import Stack
from dockrev.stacks.store import StackStore
from tests.fakes.clock import MovableClock
from tests.stacks.building import observed


@pytest.fixture
async def blog(database: Database, clock: MovableClock) -> Stack:
    stacks = StackStore(database, clock)
    synced = await stacks.sync(observed(web="web", db="db"))
    return await stacks.get(synced.stack_id)

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.discovery.host import DiscoveryHost


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[DiscoveryHost]:
    async with DiscoveryHost.open(tmp_path) as host:
        yield host

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.server_process import ServerProcess
from tests.fakes.host import FakeHost


@pytest.fixture
async def server(host: FakeHost, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server for the fake host. It is not started yet."""
    server = ServerProcess(tmp_path, host.docker_host)
    yield server
    server.close()

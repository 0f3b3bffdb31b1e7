from pathlib import Path

import pytest

from tests.cli.command import Cli
from tests.fakes.host import FakeHost


@pytest.fixture
def cli(host: FakeHost, tmp_path: Path) -> Cli:
    return Cli(tmp_path, host.docker_host)

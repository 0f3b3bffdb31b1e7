import os
from pathlib import Path

import pytest

from dockrev.compose.cli import Compose, child_environment
from dockrev.compose.models import ProjectFiles
from dockrev.config.shared import DockerConfig
from tests.compose.scripts import Script
from tests.testbed.projects import ComposeVersion


class Folder:
    """The directory of a project."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: str | bytes) -> Path:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def project(self, *names: str, env_files: tuple[str, ...] = ()) -> ProjectFiles:
        config_files = tuple(self.path / name for name in names or ("compose.yaml",))
        return ProjectFiles("blog", config_files, self.path, tuple(self.path / name for name in env_files))

    def compose(self, content: str) -> ProjectFiles:
        """Writes a project with one Compose file."""
        self.write("compose.yaml", content)
        return self.project()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "blog"
    path.mkdir()
    return Folder(path)


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "bin")


@pytest.fixture(params=list(ComposeVersion))
async def compose(request: pytest.FixtureRequest) -> Compose:
    """Real Compose, once for each version."""
    return await real_compose(request.param)


_clients: dict[ComposeVersion, Compose] = {}
"""Kept for all tests, because V1 needs a quarter of a second to print its version."""


async def real_compose(version: ComposeVersion) -> Compose:
    """A new object for each test, which remembers no configuration."""
    config = DockerConfig(compose_bin=str(version.program))
    if version not in _clients:
        if not version.program.exists():
            reason = f"{version.program} is missing (scripts/setup)"
            pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
        _clients[version] = await Compose.find(config)
    client = _clients[version]
    return Compose(client.command, client.version, child_environment(config))

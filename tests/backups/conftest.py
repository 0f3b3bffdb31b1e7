from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockrev.config.shared import DockerConfig
from dockrev.db.database import Database
from dockrev.docker.engine import Engine
from tests.backups.bench import Bench, bind, directory_of, fill, volume
from tests.fakes.clock import MovableClock
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Images
from tests.testbed.projects import Project, Projects


@pytest.fixture
async def client(engine: RealEngine) -> AsyncIterator[Engine]:
    async with Engine.open(DockerConfig(host=engine.host)) as client:
        yield client


@pytest.fixture
async def bench(client: Engine, database: Database, clock: MovableClock, tmp_path: Path) -> Bench:
    return await Bench.prepare(client, database, clock, tmp_path / "backups")


@pytest.fixture
def blog(engine: RealEngine, projects: Projects, images: Images, tmp_path: Path) -> Project:
    """A project with data in a volume, a directory and a single file. No container runs."""
    engine.load(images.build("web", volumes=["/anonymous"]), "backups/web:1")
    uploads = tmp_path / "up loads"
    uploads.mkdir()
    (tmp_path / "settings.ini").write_text("a = 1\n")
    service = {
        "image": "backups/web:1",
        "volumes": ["data:/data", f"{uploads}:/uploads", f"{tmp_path}/settings.ini:/settings.ini"],
    }
    project = projects.create("blog", {"web": service}, volumes={"data": {}})
    project.compose("create")
    for target in (volume(project, "data"), bind(uploads)):
        fill(directory_of(engine, target))
    return project

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.e2e.server_process import ServerProcess, ready_server, server_on_bed
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine
from tests.testbed.images import Images
from tests.testbed.projects import ComposeVersion, Projects
from tests.testbed.registry import Registry
from tests.testbed.requirements import COMPOSE_V1
from tests.updates.slow_front import SlowFront
from tests.updates.story import Story, settle_for


@pytest.fixture(scope="package")
def update_server(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests of a worker. Each test uses its own project."""
    with server_on_bed(bed, bed.engine, tmp_path_factory.mktemp("server")) as server:
        settle_for(server)
        yield server


@pytest.fixture
def story(
    update_server: ServerProcess, engine: Engine, registry: Registry, images: Images, projects: Projects
) -> Story:
    return Story(update_server, engine, registry, images, projects)


@pytest.fixture(scope="module")
def server_on_v1(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("v1")
    with ready_server(directory, bed.engine.host, DOCKREV_COMPOSE_BIN=str(COMPOSE_V1)) as server:
        settle_for(server)
        yield server


@pytest.fixture
def story_on_v1(story: Story, server_on_v1: ServerProcess) -> Story:
    """A story in which both Dockrev and the operator use Compose V1."""
    story.server, story.version = server_on_v1, ComposeVersion.V1
    return story


@pytest.fixture
async def front(story: Story) -> AsyncIterator[SlowFront]:
    """A proxy in front of the story's registry."""
    async with SlowFront.before(story.registry.host) as front:
        story.front = front.host
        yield front

import pytest

from dockrev.db.database import Database
from dockrev.discovery.models import DiscoveredProject, ProjectState, ProjectStatus
from dockrev.discovery.store import ProjectStore
from dockrev.errors import NotFound
from dockrev.hosts.local import LOCAL
from dockrev.stacks.models import ObservedStack
from dockrev.stacks.store import StackStore
from tests.fakes.clock import MovableClock

START = MovableClock().now()
FILES = ("/srv/blog/compose.yaml",)


@pytest.fixture
def projects(database: Database, clock: MovableClock) -> ProjectStore:
    return ProjectStore(database, clock)


@pytest.fixture
async def stack_id(database: Database, clock: MovableClock) -> str:
    return (await StackStore(database, clock).sync(ObservedStack("blog", FILES, ()))).stack_id


def active(project: str = "blog", stack_id: str | None = None, warning: str | None = None) -> ProjectState:
    return ProjectState(project, ProjectStatus.ACTIVE, stack_id, FILES, warning)


async def only(projects: ProjectStore) -> DiscoveredProject:
    (project,) = await projects.all()
    return project


async def test_all_fields_of_a_project_are_stored(projects: ProjectStore, stack_id: str) -> None:
    await projects.sync(LOCAL, [active(stack_id=stack_id, warning="warning: something")])

    assert await only(projects) == DiscoveredProject(
        host_id=LOCAL,
        project="blog",
        status=ProjectStatus.ACTIVE,
        stack_id=stack_id,
        config_files=FILES,
        last_seen_at=START,
        last_scan_at=START,
        last_error="warning: something",
        archived=False,
    )


async def test_projects_are_listed_by_name(projects: ProjectStore) -> None:
    await projects.sync(LOCAL, [active("shop"), active("blog"), active("wiki")])

    assert [project.project for project in await projects.all()] == ["blog", "shop", "wiki"]


async def test_an_invalid_project_keeps_its_stack_and_files(projects: ProjectStore, stack_id: str) -> None:
    await projects.sync(LOCAL, [active(stack_id=stack_id)])

    await projects.sync(
        LOCAL, [ProjectState("blog", ProjectStatus.INVALID, None, None, "compose_no_services")]
    )

    project = await only(projects)
    assert (project.status, project.last_error) == (ProjectStatus.INVALID, "compose_no_services")
    assert (project.stack_id, project.config_files) == (stack_id, FILES)


async def test_a_project_that_was_never_usable_has_no_stack_and_no_files(projects: ProjectStore) -> None:
    await projects.sync(
        LOCAL, [ProjectState("blog", ProjectStatus.INVALID, None, None, "config_files_missing")]
    )

    project = await only(projects)
    assert (project.stack_id, project.config_files) == (None, None)


async def test_a_project_that_a_scan_did_not_see_is_missing_and_keeps_its_other_fields(
    projects: ProjectStore, clock: MovableClock, stack_id: str
) -> None:
    await projects.sync(LOCAL, [active(stack_id=stack_id, warning="warning: something")])
    clock.advance(60)

    await projects.sync(LOCAL, [])

    project = await only(projects)
    assert project.status is ProjectStatus.MISSING
    assert (project.last_seen_at, project.last_scan_at) == (START, clock.now())
    assert (project.stack_id, project.last_error) == (stack_id, "warning: something")


async def test_archiving_and_restoring_are_idempotent(projects: ProjectStore) -> None:
    await projects.sync(LOCAL, [active()])

    for archived in (True, True, False, False):
        await projects.archive(LOCAL, "blog", archived=archived)
        assert (await only(projects)).archived is archived


async def test_an_unknown_project_cannot_be_archived(projects: ProjectStore) -> None:
    with pytest.raises(NotFound, match="project not found"):
        await projects.archive(LOCAL, "blog", archived=True)


@pytest.mark.parametrize(
    ("states", "stays"),
    [
        ([active()], False),
        ([ProjectState("blog", ProjectStatus.INVALID, None, None, "compose_no_services")], True),
        ([], True),
    ],
    ids=["active", "invalid", "missing"],
)
async def test_only_an_active_project_leaves_the_archive(
    projects: ProjectStore, states: list[ProjectState], stays: bool
) -> None:
    await projects.sync(LOCAL, [active()])
    await projects.archive(LOCAL, "blog", archived=True)

    await projects.sync(LOCAL, states)

    assert (await only(projects)).archived is stays


async def test_one_scan_stores_a_thousand_projects(projects: ProjectStore) -> None:
    await projects.sync(LOCAL, [active(f"p{number:04}") for number in range(1000)])
    await projects.sync(LOCAL, [active(f"p{number:04}") for number in range(500)])

    stored = await projects.all()
    assert sum(project.status is ProjectStatus.MISSING for project in stored) == 500

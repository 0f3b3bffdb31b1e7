import asyncio
from datetime import timedelta

import orjson
import pytest

from dockrev.discovery.models import Action, ActionKind, ProjectStatus, ScanResult
from dockrev.docker.engine import Engine
from dockrev.errors import DockerError
from dockrev.hosts.local import LOCAL
from dockrev.stacks.models import RunningImage, Runtime, StackStatus
from tests.discovery.host import DiscoveryHost
from tests.fakes.engine import answering_bytes, http

BLOG = """
services:
  web: {image: "nginx:1.27"}
  db: {image: "postgres:17", labels: {dockrev.watch: "false"}}
  tools: {build: ., profiles: [extra]}
"""


def kinds(result: ScanResult) -> dict[str, ActionKind]:
    return {action.project: action.kind for action in result.actions}


async def test_a_new_project_becomes_a_stack_with_all_its_services(host: DiscoveryHost) -> None:
    digest = host.pulled("web", "nginx", "ghcr.io/acme/nginx")
    host.deploy("blog", BLOG, "web", "db")

    result = await host.scanner.scan()

    stack = await host.stack("blog")
    assert result.actions == (Action("blog", ActionKind.CREATED, stack.id),)
    assert result.projects_seen == 1
    assert stack.compose_files == (str(host.directory / "blog/compose.yaml"),)
    db, tools, web = stack.services
    assert (web.name, web.image_ref, web.builds, web.watched) == ("web", "nginx:1.27", False, True)
    assert web.runtime == Runtime(1, 1, 0, (RunningImage("sha256:web", (digest,)),))
    assert (db.image_ref, db.watched) == ("postgres:17", False)
    assert (tools.image_ref, tools.builds, tools.runtime) == (None, True, Runtime())


async def test_the_project_is_stored_with_its_stack(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web")

    await host.scanner.scan()

    project = await host.project("blog")
    assert project.status is ProjectStatus.ACTIVE
    assert project.stack_id == (await host.stack("blog")).id
    assert project.config_files == (str(host.directory / "blog/compose.yaml"),)
    assert project.last_seen_at == project.last_scan_at == host.clock.now()
    assert project.last_error is None


async def test_a_scan_without_changes_sends_two_requests_and_writes_no_stack(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web", "db")
    host.deploy("shop", "services: {till: {image: busybox}}", "till")
    await host.scanner.scan()
    revision, host.fake.calls[:] = host.stacks.revision, []

    result = await host.scanner.scan()

    assert kinds(result) == {"blog": ActionKind.SKIPPED, "shop": ActionKind.SKIPPED}
    assert host.fake.calls == ["GET /containers/json", "GET /images/json"]
    assert host.compose_calls == 2
    assert host.stacks.revision == revision


async def test_changed_files_update_only_the_changed_services(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web", "db")
    await host.scanner.scan()
    before = await host.stack("blog")

    host.write("blog/compose.yaml", BLOG.replace("1.27", "1.28"))
    result = await host.scanner.scan()

    after = await host.stack("blog")
    assert kinds(result) == {"blog": ActionKind.UPDATED}
    assert [service.id for service in after.services] == [service.id for service in before.services]
    assert after.services[:2] == before.services[:2]
    assert after.services[2].image_ref == "nginx:1.28"


async def test_a_stopped_container_degrades_its_stack_without_a_child_process(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web", "db")
    await host.scanner.scan()
    assert (await host.stack("blog")).status is StackStatus.HEALTHY

    host.fake.containers[0].state = "exited"
    await host.scanner.scan()

    assert (await host.stack("blog")).status is StackStatus.DEGRADED
    assert (await host.project("blog")).status is ProjectStatus.ACTIVE
    assert host.compose_calls == 1


async def test_a_project_without_containers_is_missing_and_keeps_its_stack(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web")
    await host.scanner.scan()
    seen_at = host.clock.now()

    host.fake.containers.clear()
    host.clock.advance(60)
    first, second = await host.scanner.scan(), await host.scanner.scan()

    stack, project = await host.stack("blog"), await host.project("blog")
    assert first.actions == (Action("blog", ActionKind.MARKED_MISSING, stack.id),)
    assert second.actions == ()
    assert (project.status, project.stack_id) == (ProjectStatus.MISSING, stack.id)
    assert (project.last_seen_at, project.last_scan_at) == (seen_at, host.clock.now())
    assert [service.runtime for service in stack.services] == [Runtime()] * 3


async def test_a_project_that_comes_back_is_active_and_no_longer_archived(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web")
    await host.scanner.scan()
    stack_id, containers = (await host.stack("blog")).id, host.fake.containers[:]
    host.fake.containers.clear()
    await host.scanner.scan()
    await host.projects.archive(LOCAL, "blog", archived=True)

    host.fake.containers[:] = containers
    await host.scanner.scan()

    project = await host.project("blog")
    assert (project.status, project.archived, project.stack_id) == (ProjectStatus.ACTIVE, False, stack_id)
    assert (await host.service("blog", "web")).runtime.running == 1


async def test_a_broken_file_fails_the_project_and_keeps_the_stored_services(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web", "db")
    digest = host.pulled("web", "nginx")
    await host.scanner.scan()
    before = await host.stack("blog")

    host.write("blog/compose.yaml", "services: [")
    host.fake.containers[1].state = "exited"
    result = await host.scanner.scan()

    after, project = await host.stack("blog"), await host.project("blog")
    (action,) = result.actions
    assert (action.kind, action.stack_id) == (ActionKind.FAILED, before.id)
    assert (action.reason or "").startswith(f"compose_file_invalid: {host.directory}/blog/compose.yaml (")
    assert (project.status, project.last_error) == (ProjectStatus.INVALID, action.reason)
    assert project.stack_id == before.id
    assert [service.image_ref for service in after.services] == [
        service.image_ref for service in before.services
    ]
    assert (await host.service("blog", "db")).runtime.running == 0
    assert (await host.service("blog", "web")).runtime.digests == {digest}


async def test_a_repaired_file_clears_the_error(host: DiscoveryHost) -> None:
    host.deploy("blog", "services: [", "web")
    assert kinds(await host.scanner.scan()) == {"blog": ActionKind.FAILED}

    host.write("blog/compose.yaml", BLOG)
    result = await host.scanner.scan()

    assert kinds(result) == {"blog": ActionKind.CREATED}
    assert (await host.project("blog")).last_error is None


async def test_one_bad_project_does_not_stop_the_others(host: DiscoveryHost) -> None:
    host.deploy("bad", "services: [", "web")
    host.deploy("good", BLOG, "web")

    result = await host.scanner.scan()

    assert kinds(result) == {"bad": ActionKind.FAILED, "good": ActionKind.CREATED}


async def test_a_missing_engine_makes_the_state_unknown_and_changes_nothing_else(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web")
    await host.scanner.scan()
    before, project = await host.stack("blog"), await host.project("blog")
    await host.fake.stop()

    with pytest.raises(DockerError):
        await host.scanner.scan()

    after = await host.stack("blog")
    assert after.status is StackStatus.UNKNOWN
    assert after.services == before.services
    assert await host.project("blog") == project


async def test_a_missing_engine_is_recorded_once(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web")
    await host.scanner.scan()
    await host.fake.stop()

    revisions = []
    for _ in range(3):
        with pytest.raises(DockerError):
            await host.scanner.scan()
        revisions.append(host.stacks.revision)

    assert len(set(revisions)) == 1


async def test_an_engine_that_dies_between_two_answers_changes_nothing(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web")
    await host.scanner.scan()
    answers = {"/version": http(orjson.dumps(host.fake.version)), "/containers/json": http(b"[]")}

    async with answering_bytes(lambda path: answers.get(path, b"")) as config, Engine.open(config) as dying:
        with pytest.raises(DockerError):
            await host.scanner_of(dying).scan()

    assert (await host.project("blog")).status is ProjectStatus.ACTIVE


@pytest.mark.parametrize("still_there", [True, False])
async def test_the_states_are_known_again_when_the_engine_is_back(
    host: DiscoveryHost, still_there: bool
) -> None:
    host.deploy("blog", BLOG, "web", "db")
    await host.scanner.scan()
    await host.fake.stop()
    with pytest.raises(DockerError):
        await host.scanner.scan()

    if not still_there:
        host.fake.containers.clear()
    await host.fake.start()
    await host.scanner.scan()

    assert (await host.stack("blog")).status is (StackStatus.HEALTHY if still_there else StackStatus.DEGRADED)


async def test_a_missing_project_is_still_missing_when_the_engine_is_back(
    host: DiscoveryHost,
) -> None:
    host.deploy("blog", BLOG, "web")
    await host.scanner.scan()
    host.fake.containers.clear()
    await host.scanner.scan()
    await host.fake.stop()
    with pytest.raises(DockerError):
        await host.scanner.scan()
    assert (await host.stack("blog")).status is StackStatus.UNKNOWN

    await host.fake.start()
    await host.scanner.scan()

    assert (await host.stack("blog")).status is StackStatus.DEGRADED


async def test_each_outage_is_recorded(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web")
    for _ in range(2):
        await host.scanner.scan()
        assert (await host.stack("blog")).status is not StackStatus.UNKNOWN
        await host.fake.stop()
        with pytest.raises(DockerError):
            await host.scanner.scan()
        assert (await host.stack("blog")).status is StackStatus.UNKNOWN
        await host.fake.start()


async def test_containers_of_a_removed_service_do_not_revive_it_in_a_broken_project(
    host: DiscoveryHost,
) -> None:
    host.deploy("blog", BLOG, "web", "db")
    await host.scanner.scan()
    host.write("blog/compose.yaml", "services: {web: {image: nginx}}")
    await host.scanner.scan()

    host.write("blog/compose.yaml", "services: [")
    await host.scanner.scan()

    db = await host.service("blog", "db")
    assert (db.removed, db.runtime) == (True, Runtime())


async def test_the_scanner_has_the_outcome_of_the_latest_scan(host: DiscoveryHost) -> None:
    assert host.scanner.last is None
    await host.scanner.scan()
    assert host.scanner.last is not None
    assert host.scanner.last.error is None

    await host.fake.stop()
    with pytest.raises(DockerError) as raised:
        await host.scanner.scan()
    assert host.scanner.last.error == raised.value.message


async def test_a_second_scan_waits_for_the_first(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web")

    first, second = await asyncio.gather(host.scanner.scan(), host.scanner.scan())

    assert kinds(first) == {"blog": ActionKind.CREATED}
    assert kinds(second) == {"blog": ActionKind.SKIPPED}
    assert host.compose_calls == 1


async def test_the_report_names_each_finished_project(host: DiscoveryHost) -> None:
    for name in ("a", "b", "c"):
        host.deploy(name, BLOG, "web")
    reports: list[tuple[int, int, str]] = []

    await host.scanner.scan(lambda done, total, project: reports.append((done, total, project)))

    assert [report[:2] for report in reports] == [(1, 3), (2, 3), (3, 3)]
    assert {report[2] for report in reports} == {"a", "b", "c"}


async def test_removed_services_are_kept_for_thirty_days(host: DiscoveryHost) -> None:
    host.deploy("blog", BLOG, "web", "db")
    await host.scanner.scan()
    host.write("blog/compose.yaml", "services: {web: {image: nginx}}")
    await host.scanner.scan()
    assert (await host.service("blog", "db")).removed

    host.clock.advance(timedelta(days=29).total_seconds())
    await host.scanner.scan()
    assert len((await host.stack("blog")).services) == 3

    host.clock.advance(timedelta(days=2).total_seconds())
    await host.scanner.scan()
    assert [service.name for service in (await host.stack("blog")).services] == ["web"]


async def test_a_renamed_service_is_new_and_gets_its_old_record_back_with_its_old_name(
    host: DiscoveryHost,
) -> None:
    host.deploy("blog", "services: {web: {image: nginx}}", "web")
    await host.scanner.scan()
    web = await host.service("blog", "web")

    host.write("blog/compose.yaml", "services: {front: {image: nginx}}")
    await host.scanner.scan()
    assert (await host.service("blog", "web")).removed
    assert (await host.service("blog", "front")).id != web.id

    host.write("blog/compose.yaml", "services: {web: {image: nginx}}")
    await host.scanner.scan()
    assert await host.service("blog", "web") == web

"""A sync makes a stack equal to an observation, and keeps the operator's settings."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dockrev.db.database import Database
from dockrev.errors import NotFound
from dockrev.hosts.local import LOCAL
from dockrev.stacks.models import BackupChoice, ObservedStack, Runtime, Service, Stack, StackStatus
from dockrev.stacks.store import StackStore, services
from tests.fakes.clock import MovableClock
from tests.stacks.building import OLD, observed, observed_service, running


@pytest.fixture
def store(database: Database, clock: MovableClock) -> StackStore:
    return StackStore(database, clock)


async def synced(store: StackStore, observation: ObservedStack) -> Stack:
    return await store.get((await store.sync(observation)).stack_id)


def by_name(stack: Stack) -> dict[str, Service]:
    return {service.name: service for service in stack.services}


async def test_a_new_project_becomes_a_stack(store: StackStore, clock: MovableClock) -> None:
    done = await store.sync(observed("blog", web="nginx:1", db="postgres"))
    assert (done.created, done.changed) == (True, True)
    stack = await store.get(done.stack_id)
    assert (stack.name, stack.compose_files, stack.archived) == ("blog", ("/srv/blog/compose.yml",), False)
    assert stack.created_at == stack.last_check_at == clock.now()
    assert [service.name for service in stack.services] == ["db", "web"]
    web = by_name(stack)["web"]
    assert (web.image_ref, web.settings.auto_rollback, web.archived, web.removed) == (
        "nginx:1",
        True,
        False,
        False,
    )


async def test_an_observation_is_read_back_exactly(store: StackStore) -> None:
    runtime = running((OLD, OLD), (), total=3, unhealthy=1)
    seen = observed(app=observed_service("app", None, runtime, builds=True, watched=False))
    (app,) = (await synced(store, seen)).services
    assert (app.image_ref, app.builds, app.watched, app.runtime) == (None, True, False, runtime)


async def test_an_unchanged_observation_changes_nothing(store: StackStore, clock: MovableClock) -> None:
    seen = observed(web=observed_service("web", "nginx", running(OLD)), db="postgres")
    before, revision = await synced(store, seen), store.revision
    clock.advance(60)
    done = await store.sync(seen)
    assert (done.created, done.changed) == (False, False)
    assert await store.get(before.id) == before
    assert store.revision == revision


@pytest.mark.parametrize(
    "changed",
    [
        observed(web="nginx:2"),
        observed(web=observed_service("web", "nginx:1", running(OLD))),
        observed(web=observed_service("web", "nginx:1", builds=True)),
        observed(web=observed_service("web", "nginx:1", watched=False)),
        observed(web="nginx:1", db="postgres"),
        observed(),
        ObservedStack("blog", ("/elsewhere.yml",), observed(web="nginx:1").services),
    ],
)
async def test_any_change_raises_the_revision(store: StackStore, changed: ObservedStack) -> None:
    await store.sync(observed(web="nginx:1"))
    before = store.revision
    assert (await store.sync(changed)).changed
    assert store.revision > before


async def test_settings_survive_a_change_of_the_image(store: StackStore, database: Database) -> None:
    web = (await synced(store, observed(web="nginx:1"))).services[0]
    await store.archive_service(web.id, archived=True)
    await store.archive(web.stack_id, archived=True)
    async with database.write() as connection:
        targets = {"bindPaths": {"/data": "skip"}, "volumeNames": {"v": "force"}}
        settings = {"auto_rollback": False, "backup_targets": targets, "repo_url": "https://x"}
        await connection.execute(update(services).values(settings))
    stack = await synced(store, observed(web="nginx:2"))
    (after,) = stack.services
    assert (after.id, after.image_ref, after.archived, stack.archived) == (web.id, "nginx:2", True, True)
    assert after.settings.auto_rollback is False
    assert after.settings.bind_paths == {"/data": BackupChoice.SKIP}
    assert after.settings.volume_names == {"v": BackupChoice.FORCE}
    assert after.settings.repo_url == "https://x"


async def test_renaming_a_service_removes_it_and_adds_a_new_one(store: StackStore) -> None:
    web = observed_service("web", "nginx", running(OLD))
    before = by_name(await synced(store, observed(web=web)))
    after = by_name(await synced(store, observed(site=observed_service("site", "nginx", running(OLD)))))
    assert after["web"].removed
    assert after["web"].id == before["web"].id
    assert after["web"].runtime == Runtime()
    assert not after["site"].removed
    assert after["site"].id != before["web"].id


async def test_a_service_that_comes_back_keeps_its_record(store: StackStore) -> None:
    before = by_name(await synced(store, observed(web="nginx", db="postgres")))
    await store.sync(observed(web="nginx"))
    after = by_name(await synced(store, observed(web="nginx", db="postgres")))
    assert after == before


async def test_a_removed_service_is_deleted_only_when_it_is_old(
    store: StackStore, clock: MovableClock
) -> None:
    stack = await synced(store, observed(web="nginx", db="postgres"))
    await store.sync(observed(web="nginx"))
    removed_at, revision = clock.now(), store.revision
    assert await store.delete_removed_before(removed_at) == 0
    assert store.revision == revision
    assert await store.delete_removed_before(removed_at + timedelta(microseconds=1)) == 1
    assert store.revision > revision
    assert list(by_name(await store.get(stack.id))) == ["web"]


async def test_a_removed_service_keeps_the_time_of_its_removal(
    store: StackStore, clock: MovableClock, database: Database
) -> None:
    await store.sync(observed(web="nginx"))
    await store.sync(observed())
    clock.advance(3600)
    assert not (await store.sync(observed())).changed
    async with database.read() as connection:
        removed_at = await connection.scalar(select(services.c.removed_at))
    assert removed_at == clock.now() - timedelta(hours=1)


async def test_a_sync_changes_only_its_own_stack(store: StackStore) -> None:
    blog = await synced(store, observed("blog", web="nginx"))
    shop = await synced(store, observed("shop", web="nginx"))
    assert blog.id != shop.id
    await store.sync(observed("shop"))
    assert await store.get(blog.id) == blog


async def test_the_newest_stack_comes_first(store: StackStore, clock: MovableClock) -> None:
    for name in ("a", "b", "c"):
        await store.sync(observed(name))
        clock.advance(1)
    assert [stack.name for stack in await store.all()] == ["c", "b", "a"]


async def test_each_stack_has_its_own_services(store: StackStore) -> None:
    await store.sync(observed("blog", web="nginx", db="postgres"))
    await store.sync(observed("empty"))
    assert {stack.name: [service.name for service in stack.services] for stack in await store.all()} == {
        "blog": ["db", "web"],
        "empty": [],
    }


async def test_the_runtime_can_be_stored_alone(store: StackStore) -> None:
    stack = await synced(store, observed(web=observed_service("web", "nginx", running(OLD)), db="postgres"))
    await store.set_runtime(stack.id, {"db": running(OLD)})
    after = by_name(await store.get(stack.id))
    assert (after["db"].runtime, after["web"].runtime) == (running(OLD), Runtime())


async def test_the_status_is_unknown_while_the_engine_does_not_answer(store: StackStore) -> None:
    seen = observed(web=observed_service("web", "nginx", running(OLD)))
    stack = await synced(store, seen)
    await store.forget_runtime(LOCAL)
    assert (await store.get(stack.id)).status is StackStatus.UNKNOWN
    assert (await store.sync(seen)).changed
    assert (await store.get(stack.id)).status is StackStatus.HEALTHY


@pytest.mark.parametrize("archived", [True, False])
async def test_archiving_twice_changes_nothing(
    store: StackStore, clock: MovableClock, archived: bool
) -> None:
    stack = await synced(store, observed(web="nginx"))
    for _ in range(2):
        await store.archive(stack.id, archived=archived)
        await store.archive_service(stack.services[0].id, archived=archived)
        clock.advance(1)
    after = await store.get(stack.id)
    assert (after.archived, after.services[0].archived) == (archived, archived)


async def test_archiving_again_keeps_the_first_time_and_restoring_clears_it(
    store: StackStore, clock: MovableClock, database: Database
) -> None:
    async def archival() -> tuple[object, object]:
        async with database.read() as connection:
            result = await connection.execute(select(services.c.archived_at, services.c.archived_reason))
            return tuple(result.one())

    service = (await synced(store, observed(web="nginx"))).services[0]
    first = clock.now()
    for _ in range(2):
        await store.archive_service(service.id, archived=True)
        clock.advance(1)
    assert await archival() == (first, "user_archive")
    await store.archive_service(service.id, archived=False)
    assert await archival() == (None, None)


async def test_a_stack_that_does_not_exist_is_not_found(store: StackStore) -> None:
    with pytest.raises(NotFound, match="stack not found"):
        await store.get("stk_x")
    with pytest.raises(NotFound, match="stack not found"):
        await store.archive("stk_x", archived=True)


async def test_a_service_that_does_not_exist_is_not_found(store: StackStore) -> None:
    with pytest.raises(NotFound, match="service not found"):
        await store.service("svc_x")
    with pytest.raises(NotFound, match="service not found"):
        await store.archive_service("svc_x", archived=False)


async def test_a_check_is_recorded_for_its_stacks_only(
    store: StackStore, database: Database, clock: MovableClock
) -> None:
    blog, shop = await synced(store, observed("blog")), await synced(store, observed("shop"))
    clock.advance(60)
    async with database.write() as connection:
        await store.record_check(connection, {blog.id})
    assert (await store.get(blog.id)).last_check_at == clock.now()
    assert (await store.get(shop.id)).last_check_at == shop.last_check_at

"""The store of ignore rules, with a real database."""

import pytest
from sqlalchemy import delete

from dockrev.db.database import Database
from dockrev.errors import InvalidArgument
from dockrev.ignores.models import MatchKind
from dockrev.ignores.store import IgnoreStore
from dockrev.stacks.models import Stack
from dockrev.stacks.store import services
from tests.fakes.clock import MovableClock


@pytest.fixture
def ignores(database: Database, clock: MovableClock) -> IgnoreStore:
    return IgnoreStore(database, clock)


async def test_a_rule_is_read_back_exactly(ignores: IgnoreStore, blog: Stack, clock: MovableClock) -> None:
    added = [
        await ignores.add(blog.services[0].id, kind, f"value of {kind}", note, enabled=enabled)
        for kind, note, enabled in zip(MatchKind, ["why", None, "", "ü"], [True, False] * 2, strict=True)
    ]
    assert {each.id: each for each in await ignores.all()} == {each.id: each for each in added}
    assert all(each.id.startswith("ign_") and each.created_at == clock.now() for each in added)


async def test_the_newest_comes_first(ignores: IgnoreStore, blog: Stack, clock: MovableClock) -> None:
    web, db = blog.services[1].id, blog.services[0].id
    ids = []
    for service_id, value in ((web, "1"), (db, "2"), (web, "3")):
        rule = await ignores.add(service_id, MatchKind.EXACT, value, None, enabled=True)
        ids.append(rule.id)
        clock.advance(1)
    assert [each.id for each in await ignores.all()] == ids[::-1]
    grouped = await ignores.by_service()
    assert {key: [each.value for each in rules] for key, rules in grouped.items()} == {
        web: ["3", "1"],
        db: ["2"],
    }


async def test_removing_a_rule_keeps_the_others(ignores: IgnoreStore, blog: Stack) -> None:
    service_id = blog.services[0].id
    kept, gone = [await ignores.add(service_id, MatchKind.EXACT, "1", None, enabled=True) for _ in range(2)]
    assert await ignores.remove(gone.id)
    assert not await ignores.remove(gone.id)
    assert await ignores.all() == [kept]


async def test_a_rule_for_an_unknown_service_is_refused(ignores: IgnoreStore, blog: Stack) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await ignores.add("svc_nobody", MatchKind.EXACT, "1", None, enabled=True)
    assert raised.value.details == {"field": "scope.serviceId", "value": "svc_nobody"}
    assert await ignores.all() == []
    assert ignores.revision == 0


async def test_deleting_a_service_deletes_its_rules(
    ignores: IgnoreStore, database: Database, blog: Stack
) -> None:
    for service in blog.services:
        await ignores.add(service.id, MatchKind.EXACT, service.name, None, enabled=True)
    async with database.write() as connection:
        await connection.execute(delete(services).where(services.c.name == "web"))
    assert [each.value for each in await ignores.all()] == ["db"]


async def test_the_revision_grows_with_every_change(ignores: IgnoreStore, blog: Stack) -> None:
    added = await ignores.add(blog.services[0].id, MatchKind.EXACT, "1", None, enabled=True)
    assert ignores.revision == 1
    await ignores.remove("ign_unknown")
    assert ignores.revision == 1
    await ignores.remove(added.id)
    assert ignores.revision == 2

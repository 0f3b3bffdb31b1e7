"""Stored settings, and what holds without any."""

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from dockrev.db.database import Database
from dockrev.system.settings import Schedule, Schedules, SettingsStore, UpdateSettings, settings
from tests.fakes.clock import MovableClock


async def test_without_settings_nothing_is_scheduled(database: Database, clock: MovableClock) -> None:
    assert await SettingsStore(database, clock).schedules() == Schedules(
        update_check=Schedule(enabled=False, cron="*/30 * * * *")
    )


async def test_settings_are_read_back_and_the_newest_counts(database: Database, clock: MovableClock) -> None:
    store = SettingsStore(database, clock)
    for hour in (3, 4):
        wanted = Schedules(update_check=Schedule(enabled=True, cron=f"0 {hour} * * *"))
        await store.save_schedules(wanted, "ann")
        assert await store.schedules() == wanted


async def test_the_waits_of_updates_have_defaults_and_can_be_chosen(
    database: Database, clock: MovableClock
) -> None:
    store = SettingsStore(database, clock)
    assert await store.updates() == UpdateSettings(stability_seconds=10, health_deadline_cap_seconds=900)
    await store.save_updates(UpdateSettings(stability_seconds=30), "ann")
    assert await store.updates() == UpdateSettings(stability_seconds=30, health_deadline_cap_seconds=900)


async def test_every_change_records_who_made_it_and_when(database: Database, clock: MovableClock) -> None:
    store = SettingsStore(database, clock)
    await store.save_schedules(Schedules(), "ann")
    clock.advance(60)
    await store.save_schedules(Schedules(), "bob")
    async with database.read() as connection:
        found = await connection.execute(select(settings.c.updated_by, settings.c.updated_at))
        assert tuple(found.one()) == ("bob", clock.now())


@pytest.mark.parametrize(
    "stored", ["no JSON", "[]", '"text"', '{"updateCheck": {"enabled": "perhaps", "cron": 7}}', "\x00"]
)
async def test_stored_settings_that_make_no_sense_are_told_and_the_defaults_hold(
    database: Database, clock: MovableClock, stored: str
) -> None:
    store = SettingsStore(database, clock)
    await store.save_schedules(Schedules(update_check=Schedule(enabled=True, cron="0 3 * * *")), "ann")
    async with database.write() as connection:
        await connection.execute(text("UPDATE settings SET value = :stored"), {"stored": stored})

    with capture_logs() as logs:
        assert await store.schedules() == Schedules()

    assert [(line["log_level"], line["action"]) for line in logs] == [("error", "settings.invalid")]
    await store.save_schedules(Schedules(), "bob")
    assert await store.schedules() == Schedules()

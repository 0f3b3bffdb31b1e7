"""Stored settings, and the defaults."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from dockrev.backups.settings import BackupSettings
from dockrev.db.database import Database
from dockrev.settings.store import settings
from dockrev.update_checks.settings import CronSchedule, Schedules
from dockrev.updates.settings import UpdateSettings
from tests.fakes.clock import MovableClock
from tests.settings.building import settings_store


async def test_without_settings_nothing_is_scheduled(database: Database, clock: MovableClock) -> None:
    assert await settings_store(database, clock).section(Schedules) == Schedules(
        update_check=CronSchedule(enabled=False, cron="*/30 * * * *")
    )


async def test_the_newest_settings_are_read_back(database: Database, clock: MovableClock) -> None:
    store = settings_store(database, clock)
    for hour in (3, 4):
        schedules = Schedules(update_check=CronSchedule(enabled=True, cron=f"0 {hour} * * *"))
        await store.save(schedules, changed_by="ann")
        assert await store.section(Schedules) == schedules


async def test_the_wait_times_of_updates_have_defaults_and_can_be_changed(
    database: Database, clock: MovableClock
) -> None:
    store = settings_store(database, clock)
    assert await store.section(UpdateSettings) == UpdateSettings(
        stability_seconds=10, health_deadline_cap_seconds=900
    )
    await store.save(UpdateSettings(stability_seconds=30), changed_by="ann")
    assert await store.section(UpdateSettings) == UpdateSettings(
        stability_seconds=30, health_deadline_cap_seconds=900
    )


async def test_every_change_records_its_user_and_its_time(database: Database, clock: MovableClock) -> None:
    store = settings_store(database, clock)
    await store.save(Schedules(), changed_by="ann")
    clock.advance(60)
    await store.save(Schedules(), changed_by="bob")
    async with database.read() as connection:
        rows = await connection.execute(select(settings.c.updated_by, settings.c.updated_at))
        assert tuple(rows.one()) == ("bob", clock.now())


async def test_several_sections_are_saved_in_one_transaction(database: Database, clock: MovableClock) -> None:
    store = settings_store(database, clock)
    async with database.write() as connection:
        await connection.execute(
            text(
                "CREATE TRIGGER no_updates BEFORE INSERT ON settings WHEN NEW.section = 'updates'"
                " BEGIN SELECT RAISE(FAIL, 'not today'); END"
            )
        )
    backup, updates = BackupSettings(keep_last=5), UpdateSettings(stability_seconds=30)

    with pytest.raises(IntegrityError, match="not today"):
        await store.save(backup, updates, changed_by="ann")
    assert await store.section(BackupSettings) == BackupSettings()

    async with database.write() as connection:
        await connection.execute(text("DROP TRIGGER no_updates"))
    await store.save(backup, updates, changed_by="ann")
    assert (await store.section(BackupSettings), await store.section(UpdateSettings)) == (backup, updates)


async def test_fields_of_another_release_are_ignored(database: Database, clock: MovableClock) -> None:
    store = settings_store(database, clock)
    await store.save(UpdateSettings(), changed_by="ann")
    stored = '{"stabilitySeconds": 20, "later": {"release": 1}}'
    async with database.write() as connection:
        await connection.execute(text("UPDATE settings SET value = :stored"), {"stored": stored})
    assert await store.section(UpdateSettings) == UpdateSettings(stability_seconds=20)


@pytest.mark.parametrize(
    ("stored", "fields"),
    [
        ("no JSON", []),
        ("[]", [""]),
        ('"text"', [""]),
        (
            '{"updateCheck": {"enabled": "perhaps", "cron": 7}}',
            ["updateCheck.cron", "updateCheck.enabled"],
        ),
        ("\x00", []),
    ],
)
async def test_invalid_stored_settings_are_logged_and_the_defaults_apply(
    database: Database, clock: MovableClock, stored: str, fields: list[str]
) -> None:
    store = settings_store(database, clock)
    schedules = Schedules(update_check=CronSchedule(enabled=True, cron="0 3 * * *"))
    await store.save(schedules, changed_by="ann")
    async with database.write() as connection:
        await connection.execute(text("UPDATE settings SET value = :stored"), {"stored": stored})

    with capture_logs() as logs:
        assert await store.section(Schedules) == Schedules()

    assert [(line["log_level"], line["action"], line["fields"]) for line in logs] == [
        ("error", "settings.invalid", fields)
    ]
    await store.save(Schedules(), changed_by="bob")
    assert await store.section(Schedules) == Schedules()

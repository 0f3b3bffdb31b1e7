"""Secrets in settings: encrypted in the database, masked everywhere else."""

import logging
import stat
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.fernet import Fernet
from pydantic import TypeAdapter
from sqlalchemy import text as sql
from structlog.testing import capture_logs

from dockrev.composition.read_side import open_read_side
from dockrev.config.server import Config
from dockrev.db.database import Database
from dockrev.errors import InvalidArgument, StorageError
from dockrev.settings.secret import Secret
from dockrev.settings.section import Section, changed
from dockrev.web.wire import Wire, dump
from tests.fakes.clock import MovableClock
from tests.settings.building import settings_store

PASSWORD = "hunter2-and-more"
MASKS = ["******", "\u2022" * 16, "", "   "]


class Mail(Wire):
    enabled: bool = False
    smtp_url: Secret | None = None


class Messages(Section):
    section_name: ClassVar[str] = "messages"

    mail: Mail = Mail()
    token: Secret | None = None
    retries: int = 3


class Another(Section):
    section_name: ClassVar[str] = "another"


STORED = Messages(mail=Mail(enabled=True, smtp_url=Secret(PASSWORD)), token=Secret("t0ken"))


def key_file(database: Database) -> Path:
    return database.path.with_name(f"{database.path.name}.key")


def text_of_files(database: Database) -> bytes:
    return b"".join(path.read_bytes() for path in database.path.parent.rglob("*") if path.is_file())


async def test_a_secret_can_be_read_back_and_no_file_contains_its_text(
    database: Database, clock: MovableClock
) -> None:
    store = settings_store(database, clock)
    with capture_logs() as logs:
        await store.save(STORED, changed_by="ann")
        section = await settings_store(database, clock).section(Messages)

    assert section == STORED
    assert section.mail.smtp_url is not None
    assert section.mail.smtp_url.reveal() == PASSWORD
    assert b"messages" in text_of_files(database)
    assert PASSWORD.encode() not in text_of_files(database)
    assert PASSWORD not in str(logs)


def test_answers_and_representations_contain_the_mask() -> None:
    assert dump(STORED) == b'{"mail":{"enabled":true,"smtpUrl":"******"},"token":"******","retries":3}'
    for text in (repr(STORED), str(STORED), f"{STORED.token}", STORED.model_dump_json()):
        assert "t0ken" not in text
        assert PASSWORD not in text


def test_a_log_record_of_a_section_has_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("settings %s %r", STORED, STORED)
    assert "******" in caplog.text
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize("sent", MASKS)
def test_a_mask_or_a_blank_keeps_the_secret(sent: str) -> None:
    after = changed(STORED, {"token": sent, "mail": {"enabled": False, "smtpUrl": sent}, "retries": 5})
    assert after == Messages(
        mail=Mail(enabled=False, smtp_url=Secret(PASSWORD)), token=Secret("t0ken"), retries=5
    )


def test_a_missing_secret_is_kept_and_null_deletes_it() -> None:
    after = changed(STORED, {"mail": {"enabled": True}, "token": None})
    assert after == Messages(mail=Mail(enabled=True, smtp_url=Secret(PASSWORD)))


def test_another_text_replaces_the_secret_and_keeps_its_blanks() -> None:
    assert changed(STORED, {"token": " new "}).token == Secret(" new ")


@pytest.mark.parametrize("sent", MASKS)
def test_a_mask_is_never_stored(sent: str) -> None:
    assert changed(Messages(), {"token": sent}).token is None


def test_a_wrong_field_is_named_and_no_value_is_repeated() -> None:
    with pytest.raises(InvalidArgument) as raised:
        changed(STORED, {"token": {"deep": PASSWORD}, "retries": "many"})
    assert raised.value.details == {
        "errors": [
            {"field": "messages.token", "message": "Input should be a valid string"},
            {
                "field": "messages.retries",
                "message": "Input should be a valid integer, unable to parse string as an integer",
            },
        ]
    }
    assert raised.value.__cause__ is None
    with pytest.raises(ValueError, match="token") as invalid:
        Messages.model_validate({"token": {"deep": PASSWORD}})
    assert PASSWORD not in str(invalid.value)


def test_the_schema_of_a_secret_has_the_format_password() -> None:
    schema = TypeAdapter(Messages).json_schema()
    assert {"type": "string", "format": "password"} in schema["properties"]["token"]["anyOf"]


async def test_the_first_secret_creates_a_key_that_only_the_owner_can_read(
    database: Database, clock: MovableClock
) -> None:
    store = settings_store(database, clock)
    await store.save(Messages(), changed_by="ann")
    assert not key_file(database).exists()

    await store.save(STORED, changed_by="ann")

    assert stat.S_IMODE(key_file(database).stat().st_mode) == 0o600
    key = key_file(database).read_bytes()
    await store.save(STORED, changed_by="ann")
    assert key_file(database).read_bytes() == key
    assert [path for path in database.path.parent.iterdir() if path.name.startswith(".")] == []


async def test_a_key_of_the_environment_is_not_written_to_a_file(
    database: Database, clock: MovableClock
) -> None:
    key = Fernet.generate_key()
    await settings_store(database, clock, key).save(STORED, changed_by="ann")
    assert not key_file(database).exists()
    assert await settings_store(database, clock, key).section(Messages) == STORED


async def test_a_start_without_secrets_needs_no_key(database: Database, clock: MovableClock) -> None:
    await settings_store(database, clock).check_key()
    await settings_store(database, clock, Fernet.generate_key()).check_key()


async def test_a_start_with_another_key_is_refused(database: Database, clock: MovableClock) -> None:
    await settings_store(database, clock).save(STORED, changed_by="ann")
    await settings_store(database, clock).check_key()
    with pytest.raises(StorageError, match="DOCKREV_SECRET_KEY does not fit the secrets in the database"):
        await settings_store(database, clock, Fernet.generate_key()).check_key()

    key_file(database).write_bytes(Fernet.generate_key())
    with pytest.raises(StorageError, match=r"the key file .*\.key does not fit the secrets"):
        await settings_store(database, clock).check_key()


async def test_the_server_does_not_start_with_another_key(database: Database, clock: MovableClock) -> None:
    await settings_store(database, clock).save(STORED, changed_by="ann")
    env = {"DOCKREV_DB_PATH": str(database.path), "DOCKREV_SECRET_KEY": Fernet.generate_key().decode()}
    config = Config.from_env(env)
    with pytest.raises(StorageError, match="DOCKREV_SECRET_KEY does not fit"):
        async with open_read_side(config, clock, config.db_path):
            pass


@pytest.mark.parametrize(("content", "fault"), [(None, "is missing"), (b"no key", "is not a key")])
async def test_a_start_without_its_key_is_refused(
    database: Database, clock: MovableClock, content: bytes | None, fault: str
) -> None:
    await settings_store(database, clock).save(STORED, changed_by="ann")
    key_file(database).unlink()
    if content is not None:
        key_file(database).write_bytes(content)
    with pytest.raises(StorageError, match=f"{key_file(database)} {fault}; provide the key"):
        await settings_store(database, clock).check_key()


async def test_a_damaged_check_of_the_key_is_named(database: Database, clock: MovableClock) -> None:
    await settings_store(database, clock).save(STORED, changed_by="ann")
    await replace_check(database, "gAAAA")
    with pytest.raises(StorageError, match="the row secret_key_check of the table settings is damaged"):
        await settings_store(database, clock).check_key()

    await replace_check(database, '"ü"')
    with pytest.raises(StorageError, match="does not fit the secrets"):
        await settings_store(database, clock).check_key()


async def test_without_the_check_the_key_is_tried_on_a_stored_secret(
    database: Database, clock: MovableClock
) -> None:
    stored = Messages(mail=Mail(smtp_url=Secret(PASSWORD)))
    await settings_store(database, clock).save(Another(), stored, changed_by="ann")
    async with database.write() as connection:
        await connection.execute(sql("DELETE FROM settings WHERE section = 'secret_key_check'"))
        await connection.execute(sql("UPDATE settings SET value = 'no JSON' WHERE section = 'another'"))

    await settings_store(database, clock).check_key()
    with pytest.raises(StorageError, match="DOCKREV_SECRET_KEY does not fit the secrets in the database"):
        await settings_store(database, clock, Fernet.generate_key()).check_key()


async def replace_check(database: Database, stored: str) -> None:
    replaced = sql("UPDATE settings SET value = :stored WHERE section = 'secret_key_check'")
    async with database.write() as connection:
        await connection.execute(replaced, {"stored": stored})


def test_the_server_does_not_import_cryptography_at_its_start() -> None:
    program = "import sys, dockrev.app; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

"""A stop that comes before the server serves: no traceback, a clean exit code, nothing left in the way."""

import asyncio
import signal
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.api import until
from tests.e2e.server_process import ServerProcess

Seen = Callable[[ServerProcess], Awaitable[bool]]


async def takes_signals(server: ServerProcess) -> bool:
    """Of Python itself only SIGINT is caught."""
    status = await asyncio.to_thread(Path(f"/proc/{server.pid}/status").read_text)
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


async def listens(server: ServerProcess) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", server.port)) == 0


async def has_a_database(server: ServerProcess) -> bool:
    return server.db_path.exists()


async def has_tables(server: ServerProcess) -> bool:
    """Migrations write the schema's revision in the end."""
    try:
        with closing(sqlite3.connect(f"{server.db_path.as_uri()}?mode=ro", uri=True)) as database:
            return database.execute("SELECT 1 FROM alembic_version").fetchone() is not None
    except sqlite3.OperationalError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("seen", [takes_signals, listens, has_a_database, has_tables])
async def test_the_start_can_be_stopped_at_any_time(
    server: ServerProcess, seen: Seen, number: signal.Signals
) -> None:
    await stopped(server, seen, number)
    assert await server.ended() in ({0, 128 + number} if seen is takes_signals else {0})
    assert "Traceback" not in server.logs()


async def test_a_stopped_start_is_not_in_the_way_of_the_next_one(server: ServerProcess) -> None:
    for seen in (has_a_database, listens):
        await stopped(server, seen, signal.SIGTERM)
        assert await server.ended() == 0
    await server.started(preloaded=False)
    assert await server.stop() == 0
    assert "Traceback" not in server.logs()


async def stopped(server: ServerProcess, seen: Seen, number: signal.Signals) -> None:
    """As soon as its start was seen to come so far. Signals come first, while Python imports the server."""
    server.start(preloaded=seen is not takes_signals)
    await until(partial(seen, server), bool, 0.005)
    server.send(number)

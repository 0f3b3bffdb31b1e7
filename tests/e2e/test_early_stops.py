"""A stop during the start: the server prints no traceback, ends with 0, and can start again."""

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

Stage = Callable[[ServerProcess], Awaitable[bool]]
"""Returns True when the start has reached the stage."""


async def takes_signals(server: ServerProcess) -> bool:
    """Dockrev catches SIGTERM. Python itself catches only SIGINT."""
    status = await asyncio.to_thread(Path(f"/proc/{server.pid}/status").read_text)
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


async def listens(server: ServerProcess) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", server.port)) == 0


async def has_a_database(server: ServerProcess) -> bool:
    return server.db_path.exists()


async def has_tables(server: ServerProcess) -> bool:
    """The migrations write the revision of the schema when they are done."""
    try:
        with closing(sqlite3.connect(f"{server.db_path.as_uri()}?mode=ro", uri=True)) as database:
            return database.execute("SELECT 1 FROM alembic_version").fetchone() is not None
    except sqlite3.OperationalError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stage", [takes_signals, listens, has_a_database, has_tables])
async def test_the_start_can_be_stopped_at_any_time(
    server: ServerProcess, stage: Stage, number: signal.Signals
) -> None:
    await stop_at(server, stage, number)
    assert await server.ended() in ({0, 128 + number} if stage is takes_signals else {0})
    assert "Traceback" not in server.logs()


async def test_the_server_starts_after_a_start_that_was_stopped(server: ServerProcess) -> None:
    for stage in (has_a_database, listens):
        await stop_at(server, stage, signal.SIGTERM)
        assert await server.ended() == 0
    await server.started(preloaded=False)
    assert await server.stop() == 0
    assert "Traceback" not in server.logs()


async def stop_at(server: ServerProcess, stage: Stage, number: signal.Signals) -> None:
    """Sends the signal when the start has reached `stage`. The first stage is during Python's imports."""
    server.start(preloaded=stage is not takes_signals)
    await until(partial(stage, server), bool, 0.005)
    server.send(number)

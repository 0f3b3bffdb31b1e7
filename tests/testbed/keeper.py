"""The client of the keeper process: joins it, lets it start and stop programs, and leaves it."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Self

from tests.testbed.leftovers import ALIVE, sweep_stale
from tests.testbed.requirements import PATH

_CHECKOUT = Path(__file__).parents[2]


def default_root() -> Path:
    """A short path, because the paths of unix sockets must not exceed 107 bytes."""
    return Path(tempfile.gettempdir()) / "dockrev-testbed"


class KeeperFailed(Exception):
    pass


class Keeper:
    """A connection to the process that owns a testbed. The connection keeps the testbed alive."""

    def __init__(self, directory: Path, connection: socket.socket) -> None:
        self.directory = directory
        self._connection = connection
        self._answers = connection.makefile("rb")
        self._asking = Lock()

    @classmethod
    def join(cls, root: Path, name: str) -> Self:
        """Removes stale testbeds, then connects to the keeper called `name` and starts it if needed."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if root.stat().st_uid != os.geteuid():
            raise KeeperFailed(f"{root} belongs to another user, who could put files there")
        directory = root / name
        with _locked(root / "join.lock"):
            sweep_stale(root)
            connection = _connect(directory) or _start(directory)
        return cls(directory, connection)

    def leave(self) -> None:
        """Leaves the testbed. For the last user, it returns when everything is cleaned up."""
        self._connection.shutdown(socket.SHUT_WR)
        while self._answers.read(1024):
            pass
        self._answers.close()
        self._connection.close()

    def start(self, name: str, argv: Sequence[str], log: Path) -> None:
        self._ask(do="start", name=name, argv=json.dumps(list(argv)), log=str(log))

    def stop(self, name: str, *, patience_seconds: float) -> None:
        """Stops the process and waits until it has ended. With 0 seconds it is killed at once."""
        self._ask(do="stop", name=name, patience_seconds=str(patience_seconds))

    def running(self, name: str) -> bool:
        return self._ask(do="look", name=name)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A lock: only one process that joined this keeper runs such a block at a time."""
        with _locked(self.directory / "alone.lock"):
            yield

    def _ask(self, **request: str) -> bool:
        try:
            with self._asking:
                self._connection.sendall(json.dumps(request).encode() + b"\n")
                line = self._answers.readline()
        except OSError as error:
            raise KeeperFailed(f"the keeper of {self.directory} is gone") from error
        if not line:
            raise KeeperFailed(f"the keeper of {self.directory} is gone")
        answer = json.loads(line)
        if "error" in answer:
            raise KeeperFailed(answer["error"])
        return bool(answer["running"])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _connect(directory: Path) -> socket.socket | None:
    """None when no keeper accepts connections. Waits for a keeper that is cleaning up."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(directory / "keeper.sock"))
        connection.sendall(json.dumps({"do": "look", "name": ""}).encode() + b"\n")
        if connection.recv(1024):
            return connection
    except OSError:
        pass
    connection.close()
    alive = directory / ALIVE
    if alive.exists():
        with _locked(alive):
            pass
    return None


def _start(directory: Path) -> socket.socket:
    """Starts the keeper. It inherits our lock on its directory, so the directory never looks stale.

    When it is ready, it closes its output, which ends `run`. `setsid` detaches it from this process.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    with (directory / ALIVE).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        program = [sys.executable, "-m", "tests.testbed.keeper_process", str(directory), str(lock.fileno())]
        started = subprocess.run(
            ["setsid", "--fork", *program],
            cwd=_CHECKOUT,
            env={"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[lock.fileno()],
            check=False,
        )
    connection = _connect(directory) if started.stdout == b"ready\n" else None
    if connection is None:
        raise KeeperFailed(f"the keeper did not start: {started.stdout.decode(errors='replace')}")
    return connection

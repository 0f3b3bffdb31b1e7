"""
The fork server: `python -m tests.processes.fork_server_process CONTROL_FD`.

It imports Dockrev once. For each request on the control socket it forks a child. The child runs as
`python -m dockrev ARGUMENTS` would, with its own environment, directory, output, signals and exit code. When
the control socket closes, the fork server kills the children that are left and ends.
"""

import gc
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TextIO

import dockrev

NOT_PRELOADED = ("dockrev.__main__", "dockrev.cli", "dockrev.db.migrations")
"""Scripts, and modules that read the arguments, the terminal or the environment during their import."""
LAZILY_IMPORTED = (
    "alembic.command",
    "alembic.config",
    "pydantic.v1",
    "rich.prompt",
    "rich.table",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "typer",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)
"""Modules that a running server imports only when it needs them."""
REQUEST_BYTES = 65536
MOST_DESCRIPTORS = 1024


@dataclass(frozen=True, slots=True)
class Start:
    """The command of a child, with its environment, directory and output."""

    arguments: list[str]
    environment: Mapping[str, str]
    directory: str
    stdout: int
    stderr: int


class ForkServer:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._status_pipes: dict[int, int] = {}
        """The pipe for the exit code of each child, by the child's process id."""
        self._wake_up, wake_up_writer = socket.socketpair()
        for end in (self._wake_up, wake_up_writer):
            end.setblocking(False)
        signal.set_wakeup_fd(wake_up_writer.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._wake_up_writer = wake_up_writer

    def run(self) -> Start | None:
        """Returns a Start in each child, and None in the fork server itself when it is no longer needed."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wake_up, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._wake_up:
                        self._report_ended()
                    elif (request := self._receive()) is None:
                        self._kill_all()
                        return None
                    elif start := self._fork(*request):
                        return start

    def _receive(self) -> tuple[Any, list[int]] | None:
        request, descriptors, _, _ = socket.recv_fds(self._control, REQUEST_BYTES, 3)
        return (json.loads(request), list(descriptors)) if request else None

    def _fork(self, request: Any, descriptors: list[int]) -> Start | None:
        stdout, stderr, status_pipe = descriptors
        if pid := os.fork():
            self._status_pipes[pid] = status_pipe
            os.write(status_pipe, f"{pid}\n".encode())
            os.close(stdout)
            os.close(stderr)
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        return Start(**request, stdout=stdout, stderr=stderr)

    def _report_ended(self) -> None:
        with suppress(BlockingIOError):
            self._wake_up.recv(4096)
        for pid, status in _ended():
            pipe = self._status_pipes.pop(pid)
            with suppress(BrokenPipeError):
                os.write(pipe, f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os.close(pipe)

    def _kill_all(self) -> None:
        for pid in self._status_pipes:
            os.kill(pid, signal.SIGKILL)


def _ended() -> Iterator[tuple[int, int]]:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended


def _preload() -> None:
    for module in pkgutil.walk_packages(dockrev.__path__, "dockrev."):
        if not module.name.startswith(NOT_PRELOADED):
            import_module(module.name)
    for name in LAZILY_IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()


def _become(start: Start) -> None:
    """Gives a fork the state of a new process."""
    null = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((null, start.stdout, start.stderr)):
        os.dup2(descriptor, number)
    os.closerange(3, MOST_DESCRIPTORS)
    sys.stdin = open(0, encoding=sys.stdin.encoding, errors=sys.stdin.errors, closefd=False)  # noqa: SIM115
    sys.stdout = _output(1, sys.stdout)
    sys.stderr = _output(2, sys.stderr)
    os.environ.clear()
    os.environ.update(start.environment)
    time.tzset()
    os.chdir(start.directory)
    sys.argv = ["dockrev", *start.arguments]


def _output(number: int, inherited: TextIO) -> TextIO:
    """Uses line buffering for a terminal and always for standard error, as Python does."""
    buffer = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    by_line = number == 2 or os.isatty(number)
    encoding, errors = inherited.encoding, inherited.errors
    return io.TextIOWrapper(buffer, encoding, errors, newline="\n", line_buffering=by_line)


def main() -> None:
    _preload()
    sys.path.pop(0)
    with socket.socket(fileno=int(sys.argv[1])) as control:
        start = ForkServer(control).run()
    if start:
        _become(start)
        runpy.run_module("dockrev", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

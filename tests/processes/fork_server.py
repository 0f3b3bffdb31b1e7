"""Starts `dockrev ARGUMENTS` by forking a process that has imported Dockrev. This takes 20 ms instead of 1 s.

The fork has its own environment, directory, output, signals and exit code, as any process.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]


class ForkedProcess:
    """A child of the fork server, with those methods of `subprocess.Popen` that tests use."""

    def __init__(self, status_pipe: int) -> None:
        self._status = os.fdopen(status_pipe, "rb", buffering=0)
        self.pid = int(self._status.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._exit_code(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._exit_code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"the fork {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _exit_code(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = int(self._status.readline())
            self._status.close()
        return self.returncode


def start(
    environment: Mapping[str, str], directory: Path, *arguments: str, stdout: int, stderr: int
) -> ForkedProcess:
    """`arguments` are those of `dockrev`. The caller's descriptors stay open. Standard input is empty."""
    status_reader, status_writer = os.pipe()
    request = {"arguments": arguments, "environment": dict(environment), "directory": str(directory)}
    try:
        descriptors = [stdout, stderr, status_writer]
        socket.send_fds(_control(), [json.dumps(request).encode()], descriptors)
    finally:
        os.close(status_writer)
    return ForkedProcess(status_reader)


@cache
def _control() -> socket.socket:
    """Starts the one fork server of this process. It ends when the socket closes."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = [sys.executable, "-m", "tests.processes.fork_server_process", str(its.fileno())]
    process = subprocess.Popen(
        program,
        cwd=_CHECKOUT,
        env={"PATH": os.environ["PATH"]},
        pass_fds=[its.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    its.close()

    @atexit.register
    def _end() -> None:
        ours.close()
        process.wait()

    return ours

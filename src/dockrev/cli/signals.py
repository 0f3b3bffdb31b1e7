"""Handles SIGINT and SIGTERM while the process starts and has nothing open that it would have to close.

Python itself would print a traceback for SIGINT, and as process 1 of a container it would ignore SIGTERM.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """SIGINT and SIGTERM end the process with the exit code that a shell uses for the signal."""
    before = {number: signal.signal(number, _end) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_is_success() -> None:
    """A server that is stopped before it has its own signal handlers ends with 0."""
    for number in _STOPPING:
        signal.signal(number, _stop)


def _end(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


def _stop(_: int, __: FrameType | None) -> None:
    os._exit(0)

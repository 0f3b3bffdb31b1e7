"""SIGINT and SIGTERM while nothing is open yet that would have to be closed.

Python's own answers would be a traceback and, as process 1 of a container, none at all.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """With the code that a shell has for the signal."""
    before = {number: signal.signal(number, _end) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_is_success() -> None:
    """For a server, which is there to be stopped; until it has handlers of its own."""
    for number in _STOPPING:
        signal.signal(number, _stop)


def _end(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


def _stop(_: int, __: FrameType | None) -> None:
    os._exit(0)

"""Handles a closed pipe on standard output or error, as after `dockrev check | head -1`.

A command that only reads ends when its reader is gone, as other programs do. A command that changes something
continues, and its output is discarded.
"""

import io
import os
import signal
import sys
from typing import TYPE_CHECKING, ClassVar, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def outlive_readers() -> None:
    """Discards output that nobody reads. Call this before the process prints anything."""
    sys.stdout, sys.stderr = _wrapped(sys.stdout), _wrapped(sys.stderr)


def end_with_readers() -> None:
    """From now on a closed pipe ends the process with 141, the exit code of a shell for SIGPIPE."""
    _PipeSafeFile.ends = True


def _wrapped(stream: TextIO) -> TextIO:
    """Python uses None for a stream that was closed when the process started."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_PipeSafeFile(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _PipeSafeFile(io.FileIO):
    ends: ClassVar[bool] = False

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            self._discard()
        if self.ends:
            raise SystemExit(128 + signal.SIGPIPE)
        return super().write(data)

    def _discard(self) -> None:
        """Sends all further output to /dev/null, also what the buffer still holds when the process ends."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)

"""Standard output and error when nobody reads them any more, as after `dockrev check | head -1`.

What only looks ends then, as other programs do; what changes something goes on unheard.
"""

import io
import os
import signal
import sys
from typing import TYPE_CHECKING, ClassVar, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def outlive_readers() -> None:
    """For the whole process, before anything is printed."""
    sys.stdout, sys.stderr = _outliving(sys.stdout), _outliving(sys.stderr)


def end_with_readers() -> None:
    """From now on the process ends with 141, the code that a shell has for SIGPIPE."""
    _Outliving.ends = True


def _outliving(stream: TextIO) -> TextIO:
    """Python itself has None for a stream that is closed at the start."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Outliving(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Outliving(io.FileIO):
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
        """Whatever is still to come, the buffered rest at the end of the process included."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)

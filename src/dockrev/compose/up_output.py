"""Turns the output of `compose up` into log lines and an error message, without secrets."""

import re
from collections import deque

from dockrev.compose.complaints import ESCAPE_HINT, MASK, MAX_LENGTH, error_in_line, warning_in_line

_LAST_LINES = 20

_PROGRESS = re.compile(
    r"(?:Container|Network|Volume|Image|Service) \S+ +\w+$"  # V2
    r"|(?:Creating|Recreating|Starting|Stopping|Removing) |Encountered errors while "  # V1
)
_OF_THE_ENGINE = re.compile(r"(?:Error response from daemon|Cannot \w[\w ]* service \S+): ")
_SECRET_OPTION = re.compile(  # of a volume on a network, for example
    r"((?:pass|secret|token|credentials)\w{0,40}=)[^,;\s]+", re.IGNORECASE
)


class UpOutput:
    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._template_follows = False

    def take(self, line: str) -> str | None:
        """Returns the line for the log. None when it is empty or may hold a secret."""
        line = line.strip()
        if not line or self._template_follows:
            return None
        self._template_follows = ESCAPE_HINT in line
        line = line.partition(ESCAPE_HINT)[0].strip()
        self._last.append(line)
        return _masked(warning_in_line(line) or _reason(line))[:MAX_LENGTH]

    def failure(self) -> str:
        """The errors that Compose printed; without any, its last line."""
        lines = [line for line in self._last if warning_in_line(line) is None]
        errors = [line for line in lines if not _PROGRESS.match(line)] or lines[-1:]
        reasons = dict.fromkeys(_masked(_reason(line, alone=True)) for line in errors)
        return " ".join(reasons)[:MAX_LENGTH] or "it gave no reason"


def _reason(line: str, *, alone: bool = False) -> str:
    """Keeps the engine's quotations, which are programs, paths and names. Compose quotes values.

    `alone`: leaves out the container. Compose repeats an error of the engine under several of its names.
    """
    engine = _OF_THE_ENGINE.search(line)
    if engine is None:
        return error_in_line(line)
    return line[engine.start() :] if alone else line


def _masked(text: str) -> str:
    return _SECRET_OPTION.sub(rf"\1{MASK}", text)

"""Compiles the operator's regular expressions with RE2, so that a search takes linear time. No I/O."""

from typing import Any, Final, Protocol

import re2  # type: ignore[import-untyped]  # it has no stubs

MAX_PATTERN_LENGTH: Final = 500
_MAX_BYTES: Final = 256 * 1024
"""The limit for one compiled pattern. A thousand patterns may be in memory at the same time."""


class Pattern(Protocol):
    """The part of RE2's interface that Dockrev uses."""

    def search(self, text: str) -> object | None: ...


def compiled(pattern: str) -> Pattern:
    """Raises ValueError with RE2's message when RE2 refuses the pattern."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ValueError(f"longer than {MAX_PATTERN_LENGTH} characters")
    try:
        result: Pattern = re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        raise ValueError(f"not a regular expression: {_words(error.args[0])}") from error
    return result


def _words(text: str | bytes) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else text


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MAX_BYTES
    options.log_errors = False  # otherwise RE2 writes the pattern to stderr
    options.never_capture = True  # rules need no groups, and groups cost time
    return options


_OPTIONS: Final = _options()

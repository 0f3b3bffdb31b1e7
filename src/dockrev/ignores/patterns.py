"""Compiles regular expressions of users with RE2: a search takes linear time. No I/O."""

from typing import Any, Final, Protocol

import re2  # type: ignore[import-untyped]  # it has no stubs

MAX_PATTERN_LENGTH: Final = 500
_MAX_BYTES: Final = 256 * 1024
"""For one compiled pattern; a thousand rules may be compiled at once."""


class Pattern(Protocol):
    """What is used of RE2."""

    def search(self, text: str) -> object | None: ...


def compiled(pattern: str) -> Pattern:
    """Raises ValueError, with RE2's own words, for what it does not take."""
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
    options.log_errors = False  # it would write the pattern to stderr
    options.never_capture = True  # only whether it matches counts, and groups cost time
    return options


_OPTIONS: Final = _options()

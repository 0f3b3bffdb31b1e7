"""Reads environment variables and collects all faults."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from dockrev.errors import InvalidArgument

Value = TypeVar("Value")

_TRUE, _FALSE = {"1", "true", "yes", "y", "on"}, {"0", "false", "no", "n", "off"}


class Variables:
    """Reads variables. `problems` gets a sentence for each wrong value. A blank value counts as unset."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        return self._env.get(name, "").strip() or None

    def secret(self, name: str) -> str | None:
        """Returns the variable, or the content of the file that `<name>_FILE` names."""
        value, path = self.text(name), self.text(f"{name}_FILE")
        if value and path:
            self.problems.append(f"{name}: set it or {name}_FILE, not both")
        if not path:
            return value
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{name}_FILE: cannot read {path} ({_cause(error)})")
            return None
        if not value:
            self.problems.append(f"{name}_FILE: {path} is empty")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        text = (self.text(name) or "").lower()
        if text and text not in _TRUE | _FALSE:
            self.problems.append(f"{name}: {text!r} is neither true nor false")
        return text in _TRUE if text in _TRUE | _FALSE else default

    def integer(self, name: str, default: int, *, minimum: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or int(text) < minimum:
            self.problems.append(f"{name}: {text!r} is not a whole number of at least {minimum}")
            return default
        return int(text)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """The first choice is the default."""
        text = (self.text(name) or choices[0]).lower()
        if text not in choices:
            self.problems.append(f"{name}: {text!r} is not one of {', '.join(choices)}")
        return text

    def parsed(self, name: str, parse: Callable[[str], Value], default: Value) -> Value:
        text = self.text(name)
        if text is None:
            return default
        try:
            return parse(text)
        except InvalidArgument as error:
            self.problems.append(f"{name}: {error.message}")
            return default


def _cause(error: OSError | UnicodeDecodeError) -> str:
    """Leaves out the bytes that cannot be decoded, since they may be part of a secret."""
    return str(error.strerror) if isinstance(error, OSError) else "not UTF-8 text"

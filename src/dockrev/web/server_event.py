"""One server-sent event (HTML standard, "Server-sent events")."""

import re
from dataclasses import dataclass
from typing import Final

_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """`data` is JSON text. A client cannot resume from an event without an id."""

    event: str
    data: str
    id: int | None = None

    def encode(self) -> bytes:
        lines = [] if self.id is None else [f"id: {self.id}"]
        lines.append(f"event: {_LINE_BREAK.sub(' ', self.event)}")
        lines += [f"data: {line}" for line in _LINE_BREAK.split(self.data)]
        return ("\n".join(lines) + "\n\n").encode()

"""What a container has mounted, as lists and inspections tell it alike. No I/O."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Mount:
    type: str
    """`bind`, `volume`, `tmpfs`, or a word of a newer engine."""
    name: str | None
    """The volume's; anonymous volumes have 64 hexadecimal digits."""
    source: str
    """On the engine's host."""
    destination: str
    read_write: bool

    @classmethod
    def parse(cls, entry: Any) -> Self:
        return cls(
            type=str(entry.get("Type") or "bind"),
            name=entry.get("Name") or None,
            source=str(entry.get("Source") or ""),
            destination=str(entry["Destination"]),
            read_write=bool(entry["RW"]),
        )

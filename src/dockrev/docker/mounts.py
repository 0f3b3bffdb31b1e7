"""The mounts of a container. Lists and inspections have the same shape for them. No I/O."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Mount:
    type: str
    """`bind`, `volume`, `tmpfs`, or a word of a newer engine."""
    name: str | None
    """The name of the volume. An anonymous volume has 64 hexadecimal digits."""
    source: str
    """A path on the engine's host."""
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

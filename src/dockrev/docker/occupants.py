"""Which containers run, and what they have mounted: one call, whatever their number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from dockrev.docker import labels as compose_labels
from dockrev.docker.engine import Engine
from dockrev.docker.inspect import Mount
from dockrev.docker.labels import clean_text, named, parse_labels


@dataclass(frozen=True, slots=True)
class Occupant:
    """A container that runs or is paused, of whatever project."""

    id: str
    name: str
    image: str
    project: str | None
    paused: bool
    mounts: tuple[Mount, ...]

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Self:
        names = entry.get("Names") or ("",)
        return cls(
            id=str(entry["Id"]),
            name=clean_text(names[0]).removeprefix("/"),
            image=str(entry.get("Image")),
            project=named(parse_labels(entry.get("Labels")), compose_labels.PROJECT),
            paused=entry.get("State") == "paused",
            mounts=tuple(Mount.parse(mount) for mount in entry.get("Mounts") or ()),
        )


async def occupants(engine: Engine) -> tuple[Occupant, ...]:
    return await engine.ask("containers/json", _parse)


def _parse(answer: Any) -> tuple[Occupant, ...]:
    return tuple(sorted((Occupant.parse(entry) for entry in answer), key=lambda one: one.name))

"""Named volumes (Engine API, "Volume")."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from dockrev.docker.engine import Engine
from dockrev.docker.labels import clean_text, parse_labels
from dockrev.errors import DockerNotFound


@dataclass(frozen=True, slots=True)
class Volume:
    name: str
    driver: str
    mountpoint: str
    """A path on the engine's host; empty when the driver reports none."""
    options: Mapping[str, str]

    @classmethod
    def parse(cls, document: Any) -> Self:
        return cls(
            name=str(document["Name"]),
            driver=str(document["Driver"]),
            mountpoint=clean_text(document.get("Mountpoint")),
            options=parse_labels(document.get("Options")),
        )


class Volumes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def find(self, name: str) -> Volume | None:
        with suppress(DockerNotFound):
            return await self._engine.ask(_path(name), Volume.parse)
        return None


def _path(name: str) -> str:
    return f"volumes/{quote(name, safe='')}"

"""Named volumes (Engine API, "Volume")."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from dockrev.docker.engine import Engine
from dockrev.docker.labels import clean_text, parse_labels
from dockrev.errors import DockerNotFound, Json

_DRIVER_SECONDS = 120.0
"""Drivers of other makers work across networks."""


@dataclass(frozen=True, slots=True)
class Volume:
    name: str
    driver: str
    mountpoint: str
    """On the engine's host; empty for drivers that tell none."""
    labels: Mapping[str, str]
    options: Mapping[str, str]

    @classmethod
    def parse(cls, document: Any) -> Self:
        return cls(
            name=str(document["Name"]),
            driver=str(document["Driver"]),
            mountpoint=clean_text(document.get("Mountpoint")),
            labels=parse_labels(document.get("Labels")),
            options=parse_labels(document.get("Options")),
        )


class Volumes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def find(self, name: str) -> Volume | None:
        with suppress(DockerNotFound):
            return await self._engine.ask(_path(name), Volume.parse)
        return None

    async def create(
        self,
        name: str,
        *,
        driver: str = "local",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """One that exists with the same driver stays as it is. Raises DockerConflict for another driver."""
        document: Json = {
            "Name": name,
            "Driver": driver,
            "Labels": dict(labels or {}),
            "DriverOpts": dict(options or {}),
        }
        await self._engine.order("POST", "volumes/create", None, document, timeout_seconds=_DRIVER_SECONDS)

    async def remove(self, name: str) -> None:
        """With its data; one that is gone is fine. DockerConflict: a container, even stopped, has it."""
        with suppress(DockerNotFound):
            await self._engine.order("DELETE", _path(name), timeout_seconds=_DRIVER_SECONDS)

    async def labelled(self, label: str) -> tuple[Volume, ...]:
        """`name` or `name=value`."""
        return await self._engine.ask("volumes", _volumes, {"filters": json.dumps({"label": [label]})})


def _path(name: str) -> str:
    return f"volumes/{quote(name, safe='')}"


def _volumes(answer: Any) -> tuple[Volume, ...]:
    found = (Volume.parse(entry) for entry in answer.get("Volumes") or ())
    return tuple(sorted(found, key=lambda volume: volume.name))

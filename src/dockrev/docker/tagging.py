"""Local names of images: the ones Compose files use, and those that protect an image from being pruned."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from dockrev.docker.engine import Engine
from dockrev.docker.labels import clean_text
from dockrev.errors import DockerNotFound

PROTECTIVE_REPOSITORY = "dockrev/rollback"
"""An image that a rollback may need has a tag in here for as long as that is so."""

_REMOVAL_SECONDS = 120.0


class Tagging:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def tag(self, image_id: str, repository: str, tag: str) -> None:
        """Moves the tag when another image has it. Raises DockerNotFound when the image is gone."""
        await self._engine.order("POST", f"images/{quote(image_id)}/tag", {"repo": repository, "tag": tag})

    async def untag(self, reference: str) -> None:
        """As `docker rmi REFERENCE`: the image goes with its last name. A name that is not there is fine.

        Raises DockerConflict when it is the last name of an image that a container uses.
        """
        with suppress(DockerNotFound):
            await self._engine.order("DELETE", _path(reference), timeout_seconds=_REMOVAL_SECONDS)

    async def exists(self, reference: str) -> str | None:
        """The id of the image that has this name, or this id, here."""
        with suppress(DockerNotFound):
            return await self._engine.ask(f"{_path(reference)}/json", _id)
        return None

    async def protective_tags(self) -> tuple[str, ...]:
        """`dockrev/rollback:...`, of all images."""
        query = {"filters": json.dumps({"reference": [f"{PROTECTIVE_REPOSITORY}:*"]})}
        return await self._engine.ask("images/json", _protective, query)


def _path(reference: str) -> str:
    return f"images/{quote(reference, safe='/:@')}"


def _id(document: Any) -> str:
    return str(document["Id"])


def _protective(entries: Any) -> tuple[str, ...]:
    tags = (clean_text(tag) for entry in entries for tag in entry.get("RepoTags") or ())
    return tuple(sorted(tag for tag in tags if tag.startswith(f"{PROTECTIVE_REPOSITORY}:")))

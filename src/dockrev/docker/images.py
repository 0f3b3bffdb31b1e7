"""Inspects, pulls by digest, tags and untags the images of an engine (Engine API, "Image")."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from dockrev.docker.engine import Engine
from dockrev.docker.inspect import ImageDetail
from dockrev.docker.labels import clean_text
from dockrev.docker.pull_failures import known_failure, pull_failure
from dockrev.docker.pull_progress import PullProgress
from dockrev.docker.pull_stream import follow
from dockrev.docker.registry_login import RegistryLogin
from dockrev.errors import DockerError, DockerNotFound
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef

ROLLBACK_REPOSITORY = "dockrev/rollback"
"""A kept image has a tag in this repository, so that no prune removes it before a rollback needs it."""

_REMOVAL_SECONDS = 120.0
_IDLE_SECONDS = 120.0


class Images:
    """A pull fails when the engine says nothing for `idle_seconds`. It may take any time as a whole."""

    def __init__(self, engine: Engine, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._engine = engine
        self._idle_seconds = idle_seconds

    async def inspect(self, reference: str) -> ImageDetail:
        """`reference`: an id, a tag or `repository@digest`. Raises DockerNotFound."""
        return await self._engine.ask(f"{_path(reference)}/json", ImageDetail.parse)

    async def find_id(self, reference: str) -> str | None:
        """The id of the image that has this name or id; None when the engine has no such image."""
        with suppress(DockerNotFound):
            return await self._engine.ask(f"{_path(reference)}/json", _id)
        return None

    async def pull(
        self,
        ref: ImageRef,
        login: RegistryLogin | None,
        on_progress: Callable[[PullProgress], None],
        *,
        platform: Platform | None = None,
    ) -> str:
        """Pulls by digest, sets no tag, and returns the image's id. Raises DockerError.

        `platform` chooses an image of an index. None: the engine's own platform. When the caller cancels, the
        engine stops the pull, unless another client waits for the same image.
        """
        if ref.digest is None:
            raise ValueError(f"{ref} names no digest")
        name = f"{ref.repository}@{ref.digest}"
        params = {"fromImage": name, **({"platform": str(platform)} if platform else {})}
        headers = {"X-Registry-Auth": login.header()} if login else {}
        try:
            exchange = self._engine.exchange(
                "POST", "images/create", params, headers=headers, idle_seconds=self._idle_seconds
            )
            async with exchange as response:
                engine_error = await follow(response, on_progress)
        except DockerError as error:
            explained = known_failure(name, error.message)
            if explained is None:
                raise
            raise explained from error
        if engine_error is not None:
            raise pull_failure(name, engine_error)
        image = await self.inspect(name)
        if ref.digest not in image.digests_of(ref.repository):
            raise DockerError(
                f"The engine pulled {name} but does not know the image under this digest.",
                permanent=True,
            )
        return image.id

    async def tag(self, image_id: str, repository: str, tag: str) -> None:
        """Moves the tag when another image has it. Raises DockerNotFound when the image is gone."""
        await self._engine.order("POST", f"images/{quote(image_id)}/tag", {"repo": repository, "tag": tag})

    async def untag(self, reference: str) -> None:
        """Like `docker rmi REFERENCE`: the image is deleted with its last name. An unknown name is ignored.

        Raises DockerConflict when it is the last name of an image that a container uses.
        """
        with suppress(DockerNotFound):
            await self._engine.order("DELETE", _path(reference), timeout_seconds=_REMOVAL_SECONDS)

    async def rollback_tags(self) -> tuple[str, ...]:
        """All tags of the form `dockrev/rollback:...`, sorted."""
        query = {"filters": json.dumps({"reference": [f"{ROLLBACK_REPOSITORY}:*"]})}
        return await self._engine.ask("images/json", _rollback_tags, query)


def _path(reference: str) -> str:
    return f"images/{quote(reference, safe='/:@')}"


def _id(document: Any) -> str:
    return str(document["Id"])


def _rollback_tags(entries: Any) -> tuple[str, ...]:
    tags = (clean_text(tag) for entry in entries for tag in entry.get("RepoTags") or ())
    return tuple(sorted(tag for tag in tags if tag.startswith(f"{ROLLBACK_REPOSITORY}:")))

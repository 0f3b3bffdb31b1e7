"""Further names for the new content that the operator wants here; a missing one harms nobody."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dockrev.errors import AppError, JobCancelled, Json, StorageError
from dockrev.jobs.models import Level
from dockrev.oci.ref import ImageRef
from dockrev.updates.collaborators import Tools
from dockrev.updates.content import bring
from dockrev.updates.retrying import patiently, unless_cancelled

Tell = Callable[[str, Level], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PulledTags:
    """`warnings`: for those that could not be had, in the words of the API's `pullTagWarnings`."""

    names: tuple[str, ...] = ()
    warnings: tuple[Mapping[str, Json], ...] = ()


class PullTags:
    """Of one service; `image` is the reference in its Compose file, whose repository has the tags."""

    def __init__(
        self, tools: Tools, service_id: str, image: ImageRef, cancelled: asyncio.Event, tell: Tell
    ) -> None:
        self._tools = tools
        self._service_id = service_id
        self._image = image
        self._cancelled = cancelled
        self._tell = tell

    async def pull(self, tags: Sequence[str]) -> PulledTags:
        """One after the other. Raises nothing but StorageError."""
        names, warnings = [], []
        for tag in tags:
            ref = replace(self._image, tag=tag, digest=None)
            if warning := await self._try(ref):
                warnings.append(warning)
            else:
                names.append(str(ref))
        return PulledTags(tuple(names), tuple(warnings))

    async def _try(self, ref: ImageRef) -> Mapping[str, Json] | None:
        """The warning, when it cannot be had."""
        attempts = 0

        async def attempt() -> None:
            nonlocal attempts
            attempts += 1
            await self._pull(ref)

        try:
            self._require_not_cancelled()
            await unless_cancelled(
                self._cancelled, patiently(attempt, self._tools.retries, self._tell_attempt)
            )
        except StorageError:
            raise  # the whole job waits for its database
        except AppError as error:
            await self._tell(f"{ref} was not pulled: {error.message}", Level.WARN)
            return self._warning(ref, attempts, error.message)
        return None

    def _require_not_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise JobCancelled

    async def _pull(self, ref: ImageRef) -> None:
        digest = await self._tools.registry.head(ref)
        image = await bring(self._tools, replace(ref, tag=None, digest=digest), lambda _: None)
        await self._tools.host.images.tag(image, ref.repository, ref.tag or "")

    async def _tell_attempt(self, line: str) -> None:
        await self._tell(line, Level.INFO)

    def _warning(self, ref: ImageRef, attempts: int, error: str) -> Mapping[str, Json]:
        limits = self._tools.retries
        return {
            "serviceId": self._service_id,
            "tagRef": str(ref),
            "step": "pull_tag",
            "retry": {
                "attempts": attempts,
                "maxAttempts": limits.retry_max_attempts,
                "baseMs": limits.retry_base_ms,
                "maxMs": limits.retry_max_ms,
            },
            "lastError": error,
        }

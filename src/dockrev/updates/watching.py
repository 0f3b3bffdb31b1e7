"""Watching new containers until they are as they should be, or clearly never will be."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dockrev.docker.inspect import ContainerDetail
from dockrev.errors import Conflict, DockerError
from dockrev.replacement.health import HealthVerdict, assess
from dockrev.updates.applying import Applying
from dockrev.updates.collaborators import Tools
from dockrev.updates.record import Before
from dockrev.updates.settings import health_limits

_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Expected:
    """`must_be_sound=False`: what ran before was in trouble already; that it runs again is enough."""

    service: str
    image: str
    replicas: int
    must_be_sound: bool


class Watching:
    """Of one service. An engine that is away tells nothing of the containers; DockerError if it stays so."""

    def __init__(self, tools: Tools, applying: Applying, service: str, tell: Callable[[str], None]) -> None:
        self._tools = tools
        self._applying = applying
        self._service = service
        self._tell = tell

    async def watch(self, before: Before, image: str, *, must_be_sound: bool) -> str:
        """How they are when they are good. Raises Conflict with the reason when they are not."""
        return await self._watch(_Expected(self._service, image, before.replicas, must_be_sound))

    async def watch_companions(self, before: Before, images: Mapping[str, str]) -> None:
        """Those that were made anew with it, too. `images`: by service, what they run. Raises Conflict."""
        for name, one in before.sharing.items():
            try:
                await self._watch(_Expected(name, images[name], one.replicas, one.sound))
            except Conflict as error:
                raise Conflict(f"{name} was made anew with it, and {error.message}") from error

    async def _watch(self, expected: _Expected) -> str:
        clock, patience = self._tools.clock, await health_limits(self._tools.settings)
        began = calm_since = clock.now()
        found: Sequence[ContainerDetail] = ()
        away: DockerError | None = None
        restarts: Mapping[str, int] = {}
        while True:
            now = clock.now()
            try:
                found = await self._applying.containers_of(expected.service)
            except DockerError as error:
                away, reason = error, error.message
            else:
                away = None
                if restarts != (restarts := {one.id: one.restart_count for one in found}):
                    calm_since = now
                look = assess(found, expected.image, expected.replicas, calm_since, now, patience)
                reason = look.reason
                if look.verdict is HealthVerdict.GOOD:
                    return reason
                if not expected.must_be_sound and _all_there(found, expected):
                    return f"as before the update: {reason}"
                if look.verdict is HealthVerdict.BAD:
                    raise Conflict(reason)
            self._tell(reason)
            if now - began > patience.deadline(found):
                if away:
                    raise away
                raise Conflict(f"gave up after {(now - began).total_seconds():.0f} s: {reason}")
            await asyncio.sleep(_LOOK_SECONDS)


def _all_there(found: Sequence[ContainerDetail], expected: _Expected) -> bool:
    return len(found) >= expected.replicas and all(one.image_id == expected.image for one in found)

"""Waits until new containers work, or until it is certain that they do not.

An event of the engine causes a new look at the containers. Without events there are two looks a second.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from dockrev.clock import Clock
from dockrev.docker.engine import Engine
from dockrev.docker.inspect import ContainerDetail
from dockrev.docker.snapshot import ContainerState
from dockrev.errors import Conflict, DockerError
from dockrev.hosts.host import Host
from dockrev.replacement.health import HealthLimits, HealthVerdict, assess
from dockrev.signals import is_set_within

_LOOK_SECONDS = 0.5
_SHORTEST_PAUSE_SECONDS = 0.05
"""Limits the looks when containers crash in a loop and cause many events."""


@dataclass(frozen=True, slots=True)
class ExpectedContainers:
    """`must_be_healthy` is False when the service was unhealthy before. Then it is enough that it runs."""

    project: str
    service: str
    image: str
    replicas: int
    must_be_healthy: bool


async def wait_until_healthy(
    host: Host,
    expected: ExpectedContainers,
    limits: HealthLimits,
    clock: Clock,
    tell: Callable[[str], None],
) -> str:
    """Returns the reason why they count as healthy. Raises Conflict with the reason why they do not.

    Keeps waiting while the engine does not answer. Raises DockerError when it does not come back in time.
    """
    async with _engine_events(host.engine, expected.project) as changed:
        return await _wait(host, expected, limits, clock, tell, changed)


async def _wait(
    host: Host,
    expected: ExpectedContainers,
    limits: HealthLimits,
    clock: Clock,
    tell: Callable[[str], None],
    changed: asyncio.Event,
) -> str:
    began = stable_since = clock.now()
    containers: Sequence[ContainerDetail] = ()
    lives: Mapping[str, tuple[int, ContainerState]] = {}
    while True:
        changed.clear()
        now, away = clock.now(), None
        try:
            containers = await host.containers.of_service(expected.project, expected.service)
        except DockerError as error:
            away, reason = error, error.message
        else:
            if lives != (lives := {each.id: (each.restart_count, each.state) for each in containers}):
                stable_since = now
            health = assess(containers, expected.image, expected.replicas, stable_since, now, limits)
            reason = health.reason
            if health.verdict is HealthVerdict.GOOD:
                return reason
            if not expected.must_be_healthy and _all_run(containers, expected):
                return f"as before the update: {reason}"
            if health.verdict is HealthVerdict.BAD:
                raise Conflict(reason)
        tell(reason)
        if now - began > limits.deadline(containers):
            raise away or Conflict(f"gave up after {(now - began).total_seconds():.0f} s: {reason}")
        await asyncio.sleep(_SHORTEST_PAUSE_SECONDS)
        await is_set_within(changed, _pause(limits, stable_since, clock.now()))


def _pause(limits: HealthLimits, stable_since: datetime, now: datetime) -> float:
    """Seconds until the next look, at most until the stability window ends."""
    left = (limits.stability - (now - stable_since)).total_seconds()
    return min(_LOOK_SECONDS, left) if left > 0 else _LOOK_SECONDS


def _all_run(containers: Sequence[ContainerDetail], expected: ExpectedContainers) -> bool:
    if len(containers) < expected.replicas:
        return False
    return all(container.image_id == expected.image for container in containers)


@asynccontextmanager
async def _engine_events(engine: Engine, project: str) -> AsyncIterator[asyncio.Event]:
    """Gives an event that is set whenever something happens to a container of the project."""
    changed = asyncio.Event()

    async def listen() -> None:
        with suppress(DockerError):
            async with aclosing(engine.events()) as events:
                async for event in events:
                    if event.project == project:
                        changed.set()

    listening = asyncio.create_task(listen())
    try:
        yield changed
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

"""Measures how long a service does not answer during an update on a real engine, and with Compose alone."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from tests.e2e.server_process import ServerProcess, free_port
from tests.testbed.bed import Bed
from tests.testbed.images import Healthcheck
from tests.testbed.projects import Projects
from tests.testbed.requirements import NoTestbed
from tests.updates.story import Deployed, Story, settle_for

from bench.figures import Figure

_ASK_SECONDS = 0.005
_PATIENCE_SECONDS = 30
_SERVE = ("/bin/sh", "-c", 'trap "exit 0" TERM; httpd -f -p 80 -h / & wait')
_HEALTHCHECK = Healthcheck("wget -q -O /dev/null http://127.0.0.1/version", interval_seconds=1)


class Visitor:
    """Sends requests all the time. `longest_gap` is the longest time without an answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._answered: float | None = None
        self.longest_gap = 0.0
        self.answers = 0

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Sends requests from the first answer until one more answer after the block."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True), timeout=aiohttp.ClientTimeout(1)
        ) as session:
            await self._next(session)
            asking = asyncio.create_task(self._ask_on(session))
            try:
                yield
            finally:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
                await self._next(session)

    async def _ask_on(self, session: aiohttp.ClientSession) -> None:
        while True:
            await self._ask(session)
            await asyncio.sleep(_ASK_SECONDS)

    async def _next(self, session: aiohttp.ClientSession) -> None:
        deadline = time.perf_counter() + _PATIENCE_SECONDS
        while not await self._ask(session):
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{self._url} does not answer")
            await asyncio.sleep(_ASK_SECONDS)

    async def _ask(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(self._url) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return False
        now = time.perf_counter()
        if self._answered is not None:
            self.longest_gap = max(self.longest_gap, now - self._answered)
        self._answered = now
        self.answers += 1
        return True


async def measure() -> list[Figure]:
    """Returns no figures when no engine can be started."""
    try:
        with Bed.open("bench-downtime") as bed, tempfile.TemporaryDirectory() as directory:
            return await _measure(bed, Path(directory))
    except NoTestbed:
        return []


async def _measure(bed: Bed, directory: Path) -> list[Figure]:
    server = ServerProcess(directory, bed.engine.host)
    server.start()
    try:
        await server.ready()
        settle_for(server)
        projects = Projects(bed.engine, directory / "projects", bed.docker_config)
        story = Story(server, bed.engine, bed.registry, bed.images, projects)
        by_hand = await _downtime(story, by_hand=True)
        updated = await _downtime(story, by_hand=False)
        projects.remove_all()
    finally:
        server.close()
    return [
        Figure("downtime, update", updated * 1000, unit="ms"),
        Figure("downtime, `compose up` alone", by_hand * 1000, unit="ms"),
    ]


async def _downtime(story: Story, *, by_hand: bool) -> float:
    port, name = free_port(), "hand" if by_hand else "update"
    _push(story, name, "1")
    deployed = await story.deploy({"web": story.service(name, ports=[f"127.0.0.1:{port}:80"])}, title=name)
    _push(story, name, "2")
    visitor = Visitor(f"http://127.0.0.1:{port}/version")
    if by_hand:
        await asyncio.to_thread(deployed.project.compose, "pull")
        async with visitor.watching():
            await asyncio.to_thread(deployed.project.up)
    else:
        await deployed.checked()
        async with visitor.watching():
            await _update(deployed)
    return visitor.longest_gap


def _push(story: Story, name: str, version: str) -> None:
    story.push(name, version, command=_SERVE, healthcheck=_HEALTHCHECK)


async def _update(deployed: Deployed) -> None:
    job = await deployed.update("web")
    if job["status"] != "success":
        raise RuntimeError(f"the update ended as {job['status']}: {job['summary']}")

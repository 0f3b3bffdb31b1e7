"""Controls the bench's own servers. They do not count these requests."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from pydantic import TypeAdapter

from bench.traffic import TrafficReport
from bench.truth import ReferenceTruth, RepositoryTruth

_TRAFFIC = TypeAdapter(TrafficReport)
_TRUTHS = TypeAdapter(list[RepositoryTruth])
_REFERENCES = TypeAdapter(list[ReferenceTruth])


@dataclass(frozen=True, slots=True)
class EngineReport:
    calls: Mapping[str, int]
    """The number of calls by method and path without version prefix, such as `GET /containers/json`."""
    listeners: int
    """The number of clients that listen to `/events`."""

    @property
    def total(self) -> int:
        return sum(self.calls.values())


_ENGINE = TypeAdapter(EngineReport)


class RegistryControl:
    def __init__(self, host: str, session: aiohttp.ClientSession) -> None:
        self.host = host
        self.truth: Mapping[str, RepositoryTruth] = {}
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, host: str) -> AsyncIterator["RegistryControl"]:
        async with aiohttp.ClientSession(f"http://{host}", raise_for_status=True) as session:
            control = cls(host, session)
            await control._learn()
            yield control

    async def stats(self) -> TrafficReport:
        return _TRAFFIC.validate_json(await _get(self._session, "/__stats"))

    async def reset(self) -> None:
        await _post(self._session, "/__reset")

    async def expire_tokens(self) -> None:
        """Makes the registry refuse every token that it has granted so far."""
        await _post(self._session, "/__expire")

    async def move(self, repositories: Sequence[str]) -> None:
        """Publishes the next release of each repository. An unknown name is answered 404."""
        await self._change("/__move", repositories)

    async def rebuild(self, repositories: Sequence[str]) -> None:
        """Builds the newest release of each repository again and pushes it under the same tags."""
        await self._change("/__rebuild", repositories)

    async def references(self) -> list[ReferenceTruth]:
        return _REFERENCES.validate_json(await _get(self._session, "/__references"))

    async def _change(self, path: str, repositories: Sequence[str]) -> None:
        await _post(self._session, path, [("repository", name) for name in repositories])
        await self._learn()

    async def _learn(self) -> None:
        truths = _TRUTHS.validate_json(await _get(self._session, "/__truth"))
        self.truth = {truth.name: truth for truth in truths}


class EngineControl:
    def __init__(self, docker_host: str, session: aiohttp.ClientSession) -> None:
        self.docker_host = docker_host
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, docker_host: str) -> AsyncIterator["EngineControl"]:
        connector = aiohttp.UnixConnector(docker_host.removeprefix("unix://"))
        async with aiohttp.ClientSession(
            "http://engine", connector=connector, raise_for_status=True
        ) as session:
            yield cls(docker_host, session)

    async def stats(self) -> EngineReport:
        return _ENGINE.validate_json(await _get(self._session, "/__stats"))

    async def reset(self) -> None:
        await _post(self._session, "/__reset")

    async def emit(self, container: str, action: str) -> None:
        """Puts the container into the state that follows from the event, and sends the event to listeners."""
        await _post(self._session, "/__emit", [("container", container), ("action", action)])


async def _get(session: aiohttp.ClientSession, path: str) -> bytes:
    async with session.get(path) as response:
        return await response.read()


async def _post(
    session: aiohttp.ClientSession, path: str, query: Sequence[tuple[str, str]] | None = None
) -> None:
    async with session.post(path, params=query):
        return

"""The client of the Docker Engine API."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Self, TypeVar

import aiodocker
import aiohttp

from dockrev.config.shared import DockerConfig
from dockrev.docker import labels
from dockrev.docker.address import EngineAddress
from dockrev.docker.events import FILTERS, ContainerEvent, parse_stream
from dockrev.docker.failures import FOREIGN, explain
from dockrev.docker.labels import clean_text
from dockrev.docker.snapshot import EngineDescription, HostSnapshot
from dockrev.errors import DockerConflict, DockerError, DockerNotFound, Json
from dockrev.oci.platform import Platform

OLDEST_API, NEWEST_API = (1, 24), (1, 51)
"""Engines that are newer still speak the newest version in this range."""

Answer = TypeVar("Answer")

_UNKNOWN_API = "auto"
_COMPOSE_CONTAINERS = {"all": "1", "filters": json.dumps({"label": [labels.PROJECT]})}
_COMPOSE_EVENTS = {"filters": json.dumps(FILTERS)}


class Engine:
    """Every failure is a DockerError whose message says what to do. The client does not retry."""

    def __init__(self, config: DockerConfig, timeout_seconds: float) -> None:
        self._address = EngineAddress.of(config)
        self._platform = config.platform
        self._timeout_seconds = timeout_seconds
        self._client: aiodocker.Docker | None = None

    @property
    def address(self) -> EngineAddress:
        return self._address

    @classmethod
    @asynccontextmanager
    async def open(cls, config: DockerConfig, timeout_seconds: float = 10.0) -> AsyncIterator[Self]:
        """Sends no request. The first request shows that an engine is missing; a later one may find it."""
        engine = cls(config, timeout_seconds)
        try:
            yield engine
        finally:
            await engine._close()

    async def describe(self) -> EngineDescription:
        with self._explained():
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._version()
            return EngineDescription(
                version=clean_text(answer["Version"]),
                api_version=_common_api(answer, self._address),
                name=clean_text((answer.get("Platform") or {}).get("Name")) or "Docker Engine",
                platform=self._platform or await self._host_platform(answer),
            )

    async def observe(self) -> HostSnapshot:
        """Two requests, whatever the number of containers."""
        with self._explained():
            containers = await self._ask("containers/json", _COMPOSE_CONTAINERS)
            images = await self._ask("images/json")
            return HostSnapshot.from_lists(containers, images)

    async def events(self) -> AsyncGenerator[ContainerEvent, None]:
        """Yields the events of Compose containers from now on. Raises DockerError when the stream ends."""
        with self._explained():
            async with asyncio.timeout(self._timeout_seconds):
                client = await self._negotiated()
                response = await client._do_query(
                    "events", "GET", params=_COMPOSE_EVENTS, timeout=aiohttp.ClientTimeout()
                )
            async with response:
                async for event in parse_stream(response.content.iter_any()):
                    yield event
        raise DockerError(f"The Docker engine at {self._address} ended its stream of events: it is stopping.")

    async def ask(
        self, path: str, parse: Callable[[Any], Answer], params: Mapping[str, str] | None = None
    ) -> Answer:
        """Returns `parse(answer)` of a GET. Raises DockerError also when `parse` rejects the answer."""
        with self._explained():
            return parse(await self._ask(path, params))

    async def order(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        document: Json = None,
        *,
        timeout_seconds: float | None = None,
    ) -> Any:
        """Sends a request that changes the host. Returns the JSON of the answer, or None when it is empty."""
        limit = timeout_seconds or self._timeout_seconds
        data = None if document is None else json.dumps(document)
        with self._explained(limit):
            async with asyncio.timeout(limit):
                client = await self._negotiated()
                async with await client._do_query(path, method, params=params, data=data) as response:
                    body = await response.read()
            return json.loads(body.decode("utf-8", "replace")) if body.strip() else None

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        data: AsyncIterable[bytes] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        idle_seconds: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Sends a request whose answer the caller reads in chunks. It fails after `idle_seconds` of silence.

        Exceptions of HTTP and of parsing inside the block become DockerErrors.
        """
        timeout = aiohttp.ClientTimeout(sock_connect=self._timeout_seconds, sock_read=idle_seconds)
        with self._explained(idle_seconds):
            client = await self._negotiated()
            async with asyncio.timeout(idle_seconds) as silence:
                response = await client.session.request(
                    method,
                    client._canonicalize_url(path),
                    params=params,
                    data=None if data is None else _ExtendTimeout(silence, idle_seconds, data),
                    # Compression would cost the engine time, for a stream that stays on this machine.
                    headers={"Accept-Encoding": "identity", **(headers or {})},
                    timeout=timeout,
                )
            async with response:
                if response.status >= 400:
                    raise await _refusal(response)
                yield response

    async def _host_platform(self, version: Any) -> Platform:
        platform = Platform.of(clean_text(version["Os"]), clean_text(version["Arch"]))
        if platform.architecture != "arm":
            return platform
        # Images differ for armv6l and armv7l, and only the machine name says which it is.
        info = await self._ask("info")
        return Platform.of(platform.os, clean_text(info["Architecture"]))

    async def _ask(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        async with asyncio.timeout(self._timeout_seconds):
            client = await self._negotiated()
            return await _json(client, path, params)

    async def _negotiated(self) -> aiodocker.Docker:
        client = self._connect()
        if client.api_version == _UNKNOWN_API:
            await self._version()
        return client

    async def _version(self) -> Any:
        client = self._connect()
        answer = await _json(client, "version", versioned=False)
        client.api_version = f"v{_common_api(answer, self._address)}"
        return answer

    def _connect(self) -> aiodocker.Docker:
        if self._client is None:
            connector = self._address.connector()
            session = aiohttp.ClientSession(connector=connector)
            self._client = aiodocker.Docker(self._address.url, connector, session, api_version=_UNKNOWN_API)
        return self._client

    async def _close(self) -> None:
        if self._client is not None:
            await self._client.close()
            await self._client.session.close()

    @contextmanager
    def _explained(self, timeout_seconds: float | None = None) -> Iterator[None]:
        try:
            yield
        except FOREIGN as error:
            failure = explain(error, self._address, timeout_seconds or self._timeout_seconds)
            if self._client is not None and not isinstance(failure, DockerNotFound | DockerConflict):
                self._client.api_version = _UNKNOWN_API  # after a restart it may be another release
            raise failure from error


async def _json(
    client: aiodocker.Docker, path: str, params: Mapping[str, str] | None = None, *, versioned: bool = True
) -> Any:
    # aiodocker's decoding fails for the whole list when one label is not UTF-8.
    async with await client._do_query(path, "GET", params=params, versioned_api=versioned) as response:
        body = await response.read()
    return json.loads(body.decode("utf-8", "replace"))


async def _refusal(response: aiohttp.ClientResponse) -> aiodocker.DockerError:
    """Reads the refusal and closes the connection.

    An engine that refuses an upload stops reading, and the rest of the upload would wait forever.
    """
    transport = response.connection.transport if response.connection else None
    body = await response.read()
    if transport is not None:
        with suppress(AttributeError):  # a lost transport of asyncio has no event loop any more
            transport.abort()
    return aiodocker.DockerError(response.status, body.decode("utf-8", "replace"))


class _ExtendTimeout:
    """Passes the chunks of an upload on. Each chunk that the engine takes starts the idle timeout again."""

    def __init__(self, silence: asyncio.Timeout, seconds: float, chunks: AsyncIterable[bytes]) -> None:
        self._silence = silence
        self._seconds = seconds
        self._chunks = aiter(chunks)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self._silence.reschedule(asyncio.get_running_loop().time() + self._seconds)
        return chunk


def _common_api(answer: Any, address: EngineAddress) -> str:
    newest, oldest = _api(answer["ApiVersion"]), _api(answer.get("MinAPIVersion") or "1.0")
    if newest < OLDEST_API or oldest > NEWEST_API:
        raise DockerError(
            f"The Docker engine at {address} speaks API {_dotted(oldest)} to {_dotted(newest)}, Dockrev"
            f" {_dotted(OLDEST_API)} to {_dotted(NEWEST_API)}. Update whichever is older.",
            permanent=True,
        )
    return _dotted(min(newest, NEWEST_API))


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _api(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)

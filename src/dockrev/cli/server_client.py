"""Calls the API of a server that runs on this machine."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp

from dockrev.cli.operator import operator_name
from dockrev.config.server import Config
from dockrev.config.shared import AuthConfig
from dockrev.errors import Conflict, Json, Unavailable, UpstreamError

_TIMEOUT_SECONDS = 60.0
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- the server listens there, not this command


class ServerClient:
    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address

    @classmethod
    @asynccontextmanager
    async def open(cls, config: Config) -> AsyncIterator[Self]:
        """The command shares the server's configuration, so it sends the identity that the server allows."""
        host = _LOOPBACK.get(config.http.host, config.http.host)
        address = f"http://{f'[{host}]' if ':' in host else host}:{config.http.port}"
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(headers=_identity(config.auth), timeout=timeout) as session:
            yield cls(session, address)

    async def get(self, path: str) -> Any:
        return await self._ask("GET", path)

    async def post(self, path: str, document: Mapping[str, Json]) -> Any:
        return await self._ask("POST", path, document)

    async def _ask(self, method: str, path: str, document: Mapping[str, Json] | None = None) -> Any:
        """Raises Conflict for a 409, UpstreamError for another refusal, Unavailable without an answer."""
        try:
            async with self._session.request(method, f"{self._address}{path}", json=document) as answer:
                body = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable(
                f"another Dockrev uses this database, but no server answers at {self._address}"
                f" ({type(error).__name__}); wait until it ends, or set DOCKREV_HTTP_ADDR to the server's"
            ) from error
        if answer.status == 409:
            raise Conflict(str(body["error"]["message"]))
        if answer.status == 401:
            raise UpstreamError(
                f"the server at {self._address} does not let this command in;"
                " if DOCKREV_TRUSTED_PROXIES is set, 127.0.0.1 has to be in it"
            )
        if answer.status >= 400:
            raise UpstreamError(str(body["error"]["message"]))
        return body


async def until_ended(client: ServerClient, job_id: str, seconds: float = 0.5) -> AsyncIterator[Any]:
    """Yields the job's document again and again. The last one is that of the ended job."""
    while True:
        job = (await client.get(f"/api/jobs/{job_id}"))["job"]
        yield job
        if job.get("finishedAt"):
            return
        await asyncio.sleep(seconds)


def _identity(auth: AuthConfig) -> dict[str, str]:
    if auth.allowed_user is not None:
        return {auth.user_header: auth.allowed_user}
    if auth.allowed_group is not None:
        return {auth.user_header: operator_name(), auth.group_header: auth.allowed_group}
    return {auth.user_header: operator_name()}

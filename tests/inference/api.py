"""The routes over ASGI, with a real queue, worker and registry client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientResponse
from fastapi import FastAPI

from dockrev.inference.full_scan import FullScan
from dockrev.oci.digest import Digest
from dockrev.web.shutdown import Shutdown
from tests.inference.building import Engine
from tests.web.asgi import Answer, ask
from tests.web.serving import serving


@dataclass
class Api:
    engine: Engine
    full_scan: FullScan
    app: FastAPI
    old: Digest
    new: Digest
    shutdown: Shutdown = field(default_factory=Shutdown)

    async def get(self, path: str) -> Answer:
        """Sends a request, and then does the background work that it requests."""
        answer = await ask(self.app, "GET", path)
        await self.engine.queue.enqueue_requested()
        await self.full_scan.store_learned()
        return answer

    async def refresh(self, body: object, service: str = "svc_web") -> Answer:
        return await ask(
            self.app, "POST", f"/api/services/{service}/version-inference/refresh", json_body=body
        )

    async def snapshot(self, digest: str, service: str = "svc_web") -> Answer:
        return await self.get(f"/api/services/{service}/digest-tags-snapshot?digest={digest}")

    @asynccontextmanager
    async def stream(self, query: str = "", **headers: str) -> AsyncIterator[ClientResponse]:
        async with (
            serving(self.app, self.shutdown) as served,
            asyncio.timeout(10),
            served.client.get(f"/api/version-inference/events{query}", headers=headers) as response,
        ):
            yield response


def error_of(answer: Answer) -> tuple[int, str, str]:
    body = answer.json()["error"]
    return answer.status, body["code"], body["message"]

"""The API as a client uses it: documents as they come, waits that observe."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import ClientResponse, ClientSession

from tests.documents import faults

Document = Mapping[str, Any]
Value = TypeVar("Value")

_PATIENCE_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.1
_OPENAPI: list[Document] = []


class Refused(Exception):
    """An error of the API; `error` is what the envelope holds."""

    def __init__(self, status: int, error: Document) -> None:
        super().__init__(f"{status}: {error}")
        self.status = status
        self.error = error


@dataclass(frozen=True, slots=True)
class Event:
    id: int | None
    kind: str
    data: Document


@dataclass(frozen=True, slots=True)
class Api:
    session: ClientSession

    async def get(self, path: str) -> Any:
        async with self.session.get(path) as answer:
            return await _document(answer)

    async def post(self, path: str, body: Document | None = None) -> Any:
        async with self.session.post(path, json=body) as answer:
            return await _document(answer)

    async def stack(self, name: str) -> Document:
        """The project's stack with its services, archived or not; empty before it was found."""
        listed = await self.listed(name, "include")
        if listed is None:
            return {}
        stack: Document = (await self.get(f"/api/stacks/{listed['id']}"))["stack"]
        return stack

    async def services(self, name: str) -> dict[str, Document]:
        """By name; none while the project is unknown."""
        return {one["name"]: one for one in (await self.stack(name)).get("services", ())}

    async def listed(self, name: str, archived: str = "exclude") -> Document | None:
        """The stack as the list shows it."""
        stacks = (await self.get(f"/api/stacks?archived={archived}"))["stacks"]
        return next((stack for stack in stacks if stack["name"] == name), None)

    async def project(self, name: str) -> Document:
        """As discovery shows it; empty before it was found."""
        projects = (await self.get("/api/discovery/projects?archived=include"))["projects"]
        return next((project for project in projects if project["project"] == name), {})

    async def found(self, name: str, services: int = 1) -> Document:
        """The stack, once discovery has it with so many running services."""

        def complete(stack: Document) -> object:
            return sum(one["containers"]["total"] > 0 for one in stack.get("services", ())) >= services

        return await until(lambda: self.stack(name), complete)

    async def job(self, job_id: str) -> Document:
        """Held against the OpenAPI document, as all its events are."""
        answer = await self.get(f"/api/jobs/{job_id}")
        document = await self._openapi()
        assert not faults(document, "JobAnswer", answer)
        job: Document = answer["job"]
        for line in job["logs"]:
            if line["level"] == "event":
                assert not faults(document, "JobEvent", json.loads(line["msg"]))
        return job

    async def _openapi(self) -> Document:
        """Of this server; the same for every server of these sources."""
        if not _OPENAPI:
            _OPENAPI.append(await self.get("/api/openapi.json"))
        return _OPENAPI[0]

    async def start_check(self, **body: str) -> str:
        check_id: str = (await self.post("/api/checks", body or {"scope": "all"}))["checkId"]
        return check_id

    async def check(self, **body: str) -> Document:
        """The job, when it has ended."""
        return await self.finished(await self.start_check(**body))

    async def check_project(self, name: str) -> Document:
        stack = await self.stack(name)
        return await self.check(scope="stack", stackId=stack["id"])

    async def finished(self, job_id: str) -> Document:
        """Follows the job's stream to its end."""
        await self.told(job_id)
        return await self.job(job_id)

    async def told(self, job_id: str, last_id: int | None = None) -> list[Event]:
        """All that the job's stream says, after `last_id` as a browser would resume."""
        headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
        async with (
            asyncio.timeout(_PATIENCE_SECONDS),
            self.stream(f"/api/jobs/{job_id}/events", headers) as events,
        ):
            told = [event async for event in events]
        document = await self._openapi()
        for event in told:
            assert not faults(document, "JobLine", event.data)
        return told

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Events until the server ends the stream; it is open when the block begins."""
        async with self.session.get(path, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            yield _events(answer)


async def _events(answer: ClientResponse) -> AsyncIterator[Event]:
    block: dict[str, str] = {}
    async for line in answer.content:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field:
            block[field] = value
        elif "event" in block:
            number = int(block["id"]) if "id" in block else None
            yield Event(number, block["event"], json.loads(block["data"]))
            block = {}


async def until(
    ask: Callable[[], Awaitable[Value]],
    true: Callable[[Value], object],
    look_again_seconds: float = _LOOK_AGAIN_SECONDS,
) -> Value:
    """Asks again and again; returns the first answer that the condition is true of."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        answer = await ask()
        if true(answer):
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"still: {answer}")
        await asyncio.sleep(look_again_seconds)


async def _document(answer: ClientResponse) -> Any:
    document = await answer.json()
    if answer.status >= 400 and "error" in document:
        raise Refused(answer.status, document["error"])
    return document

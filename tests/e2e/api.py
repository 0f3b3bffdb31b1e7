"""A client of the API that returns the documents unchanged, and waits by asking again."""

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

_TIMEOUT_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.1
_OPENAPI: list[Document] = []


class Refused(Exception):
    """An error of the API. `error` is the content of the envelope."""

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
        """The project's stack with its services, also when archived. Empty before discovery has found it."""
        listed = await self.listed(name, "include")
        if listed is None:
            return {}
        stack: Document = (await self.get(f"/api/stacks/{listed['id']}"))["stack"]
        return stack

    async def services(self, name: str) -> dict[str, Document]:
        """The services by name. Empty before discovery has found the project."""
        return {service["name"]: service for service in (await self.stack(name)).get("services", ())}

    async def listed(self, name: str, archived: str = "exclude") -> Document | None:
        """The stack as the list of stacks shows it."""
        stacks = (await self.get(f"/api/stacks?archived={archived}"))["stacks"]
        return next((stack for stack in stacks if stack["name"] == name), None)

    async def project(self, name: str) -> Document:
        """The project as discovery shows it. Empty before discovery has found it."""
        projects = (await self.get("/api/discovery/projects?archived=include"))["projects"]
        return next((project for project in projects if project["project"] == name), {})

    async def discovered(self, name: str, services: int = 1) -> Document:
        """Waits until discovery has found the stack with at least `services` services with containers."""

        def complete(stack: Document) -> object:
            counts = [service["containers"]["total"] for service in stack.get("services", ())]
            return sum(count > 0 for count in counts) >= services

        return await until(lambda: self.stack(name), complete)

    async def job(self, job_id: str) -> Document:
        """Reads a job, and checks the job and its events against the OpenAPI document."""
        answer = await self.get(f"/api/jobs/{job_id}")
        document = await self._openapi()
        assert not faults(document, "JobAnswer", answer)
        job: Document = answer["job"]
        for line in job["logs"]:
            if line["level"] == "event":
                assert not faults(document, "JobEvent", json.loads(line["msg"]))
        return job

    async def _openapi(self) -> Document:
        """The OpenAPI document. It is read once, since every server of a test run has the same."""
        if not _OPENAPI:
            _OPENAPI.append(await self.get("/api/openapi.json"))
        return _OPENAPI[0]

    async def start_check(self, **body: str) -> str:
        check_id: str = (await self.post("/api/checks", body or {"scope": "all"}))["checkId"]
        return check_id

    async def check(self, **body: str) -> Document:
        """Runs a check, and returns its job when it has ended."""
        return await self.finished(await self.start_check(**body))

    async def check_project(self, name: str) -> Document:
        stack = await self.stack(name)
        return await self.check(scope="stack", stackId=stack["id"])

    async def finished(self, job_id: str) -> Document:
        """Follows the job's event stream to its end, and returns the job."""
        await self.events_of(job_id)
        return await self.job(job_id)

    async def events_of(self, job_id: str, last_id: int | None = None) -> list[Event]:
        """Reads the job's event stream to its end. `last_id`: resumes after this event, as a browser does."""
        headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
        async with (
            asyncio.timeout(_TIMEOUT_SECONDS),
            self.stream(f"/api/jobs/{job_id}/events", headers) as stream,
        ):
            events = [event async for event in stream]
        document = await self._openapi()
        for event in events:
            assert not faults(document, "JobLine", event.data)
        return events

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """The stream is open when the block begins. It yields events until the server ends it."""
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
    """Asks again and again, and returns the first answer for which `true` is true."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
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

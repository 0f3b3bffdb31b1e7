"""Runs checks in their own process, so that the registry counts only the requests of the check."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from bench.child import ROOT, STOP_SECONDS, ChildFailed
from bench.expectation import Expectation, Outcome
from bench.product import of_product, pinned

_PATIENCE_SECONDS = 300
_LONGEST_LINE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `peak` is the highest memory of the process until its end, in MB."""

    seconds: float
    failed: int
    deferred: int
    peak: float
    stacks: Sequence[Mapping[str, Any]]

    def right_answers(self, expectations: Sequence[Expectation]) -> int:
        found = {
            (stack["name"], service["name"]): service
            for stack in self.stacks
            for service in stack["services"]
        }
        return sum(_is_right(found.get((one.project, one.service)), one) for one in expectations)


class CheckRunner:
    """Each start is a new process. Processes with the same environment use the same database."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def start(cls, environment: Mapping[str, str]) -> AsyncIterator["CheckRunner"]:
        process = await asyncio.create_subprocess_exec(
            *pinned(),
            sys.executable,
            "-m",
            "bench.check_runner",
            cwd=ROOT,
            env=of_product(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
        )
        runner = cls(process)
        try:
            await runner._answer()
            yield runner
        finally:
            await runner._stop()

    async def check(self) -> Check:
        """Scans the host, then checks everything that runs there. Raises ChildFailed."""
        if self._process.stdin is None:
            raise ChildFailed("the check runner has no input")
        self._process.stdin.write(b"check\n")
        await self._process.stdin.drain()
        return Check(**await self._answer())

    async def _answer(self) -> Mapping[str, Any]:
        if self._process.stdout is None:
            raise ChildFailed("the check runner has no output")
        async with asyncio.timeout(_PATIENCE_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            raise ChildFailed(f"the check runner ended with code {await self._process.wait()}")
        document: Mapping[str, Any] = orjson.loads(line)
        return document

    async def _stop(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def _is_right(service: Mapping[str, Any] | None, expected: Expectation) -> bool:
    """Whether the candidate is the content that the tag names now, or is absent if none is expected."""
    if service is None:
        return False
    if expected.outcome in _ERRORS:
        return str(service.get("checkError", {}).get("code")) in _ERRORS[expected.outcome]
    candidate = service.get("candidate")
    running_right = service["image"].get("digest") == expected.running_digest
    if expected.outcome is Outcome.MOVED and expected.offered:
        offered = candidate or {}
        named = offered.get("digest") == expected.offered.digest
        return bool(running_right and named and offered.get("archMatch") == "match")
    return bool(running_right and candidate is None and "checkError" not in service)


_ERRORS = {
    Outcome.NOT_FOUND: {"image_not_found", "registry_unauthorized"},
    Outcome.SERVER_ERROR: {"registry_server_error"},
    Outcome.UNREACHABLE: {"registry_unreachable", "registry_timeout"},
}

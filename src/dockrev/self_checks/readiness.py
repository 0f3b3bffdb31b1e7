"""Readiness. Each `GET /api/ready` runs the checks again."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dockrev.self_checks.check import CheckFinding, CheckStatus, SelfCheck, fail, run_check

_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class PartReadiness:
    part: str
    ready: bool
    detail: str


async def readiness(checks: Mapping[str, SelfCheck]) -> list[PartReadiness]:
    """Runs all checks at once. A check that does not end in time counts as failed."""
    return list(await asyncio.gather(*(_part(part, check) for part, check in checks.items())))


async def _part(part: str, check: SelfCheck) -> PartReadiness:
    findings = await _within_time(check)
    ready = all(finding.status is not CheckStatus.FAIL for finding in findings)
    return PartReadiness(part, ready, "; ".join(finding.text for finding in findings))


async def _within_time(check: SelfCheck) -> Sequence[CheckFinding]:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await run_check(check)
    except TimeoutError:
        return fail(f"no answer within {_TIMEOUT_SECONDS:g} seconds")

"""The types of a self-check, and the function that runs one."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dockrev.errors import AppError


class CheckStatus(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """`text` states the finding and, unless the status is `ok`, the remedy."""

    status: CheckStatus
    text: str


SelfCheck = Callable[[], Awaitable[Sequence[CheckFinding]]]
"""Returns no finding when there is nothing to check. An AppError counts as one finding `fail`."""


def ok(text: str) -> Sequence[CheckFinding]:
    return (CheckFinding(CheckStatus.OK, text),)


def warn(text: str) -> Sequence[CheckFinding]:
    return (CheckFinding(CheckStatus.WARN, text),)


def fail(text: str) -> Sequence[CheckFinding]:
    return (CheckFinding(CheckStatus.FAIL, text),)


async def run_check(check: SelfCheck) -> Sequence[CheckFinding]:
    try:
        return await check()
    except AppError as error:
        return fail(error.message)

"""Checks that a background worker runs."""

from collections.abc import Awaitable, Callable, Sequence

from dockrev.self_checks.check import CheckFinding, ok


async def check_worker(probe: Callable[[], Awaitable[str]]) -> Sequence[CheckFinding]:
    """`probe` returns the state of the worker as text, and raises AppError when the worker does not run."""
    return ok(await probe())

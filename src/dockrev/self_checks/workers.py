"""Do the parts that work in the background run? Each one answers for itself."""

from collections.abc import Awaitable, Callable, Sequence

from dockrev.self_checks.check import CheckFinding, ok


async def check_worker(probe: Callable[[], Awaitable[str]]) -> Sequence[CheckFinding]:
    """`probe` says how the part is doing, and raises AppError when it does not run."""
    return ok(await probe())

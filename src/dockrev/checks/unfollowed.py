"""A check of a few services as a part of other work, without a job of its own."""

from collections.abc import Sequence
from datetime import datetime

from dockrev.checks.checker import Checker
from dockrev.checks.models import Step
from dockrev.stacks.models import Service


class UnfollowedChecks:
    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    async def check(self, services: Sequence[Service]) -> tuple[str, ...]:
        """A sentence for each service whose registry gave no answer."""
        report = await self._checker.check(services, _Nobody())
        unanswered = (*report.failed, *report.deferred)
        return tuple(
            f"{one.service.name} ({one.service.image_ref}): {one.error.message}" for one in unanswered
        )


class _Nobody:
    def step(self, step: Step) -> None:
        pass

    async def pausing(self, until: datetime, services: int) -> None:
        pass

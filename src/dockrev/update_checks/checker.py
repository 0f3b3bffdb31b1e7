"""A check asks all registries at the same time, within their limits, and stores the answers."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.images.resolve import TagAnswer, TagResolver
from dockrev.images.store import ImageStore
from dockrev.registry.client import RegistryClient
from dockrev.stacks.models import Service
from dockrev.stacks.store import StackStore
from dockrev.stacks.views import StackViews
from dockrev.update_checks.models import CheckPlan, CheckReport, CheckStep, PlannedQuestion
from dockrev.update_checks.plan import plan_check, report_check

LONGEST_PAUSE = timedelta(seconds=30)
"""The check waits for a registry that asks for a pause of at most this length. A longer pause defers it."""


class CheckWatcher(Protocol):
    """Shows a check while it runs: as a job's progress, or as a bar in a terminal."""

    def step(self, step: CheckStep) -> None: ...

    async def pausing(self, until: datetime, services: int) -> None: ...


class _NoWatcher:
    def step(self, step: CheckStep) -> None:
        del step

    async def pausing(self, until: datetime, services: int) -> None:
        del until, services


class Checker:
    def __init__(
        self,
        registry: RegistryClient,
        database: Database,
        stacks: StackStore,
        images: ImageStore,
        views: StackViews,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._database = database
        self._stacks = stacks
        self._images = images
        self._views = views
        self._clock = clock

    async def refresh(self, services: Sequence[Service]) -> list[str]:
        """Checks these services. Returns one sentence for each service without an answer."""
        report = await self.check(services, _NoWatcher())
        unanswered = (*report.failed, *report.deferred)
        return [
            f"{each.service.name} ({each.service.image_ref}): {each.error.message}" for each in unanswered
        ]

    async def check(self, selected: Sequence[Service], watcher: CheckWatcher) -> CheckReport:
        """A registry that fails is part of the report. Raises StorageError."""
        stacks = await self._stacks.all()
        before = await self._views.knowledge(stacks)
        plan = plan_check(selected, [service for stack in stacks for service in stack.services], before)
        resolver = TagResolver(self._registry, await self._images.stored_digests(), self._clock)
        await self._registry.prepare(planned.question.ref for planned in plan.questions)
        asking = _Asking(plan, resolver, watcher)
        answers = await asking.ask(plan.questions)
        await self._store(selected, answers, unused=before.tags.keys() - plan.tags_in_use)
        await self._ask_deferred_questions(asking, selected, watcher)
        after, platforms = await self._views.knowledge(stacks), await self._views.platforms(stacks)
        return report_check(plan, before, after, platforms)

    async def _ask_deferred_questions(
        self, asking: "_Asking", selected: Sequence[Service], watcher: CheckWatcher
    ) -> None:
        """Waits for registries that asked for a short pause, and asks them again.

        All other answers are stored already.
        """
        deadline = self._clock.now() + LONGEST_PAUSE
        while waiting := asking.deferred_until(deadline):
            until = max(retry_at for _, retry_at in waiting)
            again = [planned for planned, _ in waiting]
            await watcher.pausing(until, sum(len(planned.services) for planned in again))
            await asyncio.sleep(max(0.0, (until - self._clock.now()).total_seconds()))
            await self._store(selected, await asking.ask(again), unused=())

    async def _store(
        self, selected: Iterable[Service], answers: Sequence[TagAnswer], unused: Collection[tuple[str, str]]
    ) -> None:
        facts = [answer.facts for answer in answers if answer.facts]
        async with self._database.write() as connection:
            await self._images.record(connection, [answer.state for answer in answers], facts)
            await self._images.forget(connection, unused)
            await self._stacks.record_check(connection, {service.stack_id for service in selected})


class _Asking:
    """Asks the questions of one check, and counts the services that are done."""

    def __init__(self, plan: CheckPlan, resolver: TagResolver, watcher: CheckWatcher) -> None:
        self._plan = plan
        self._resolver = resolver
        self._watcher = watcher
        self._started = self._answered = len(plan.unasked)
        self.answers: dict[tuple[str, str], TagAnswer] = {}

    async def ask(self, questions: Sequence[PlannedQuestion]) -> list[TagAnswer]:
        async with asyncio.TaskGroup() as group:
            for planned in questions:
                group.create_task(self._ask_one(planned))
        return [self.answers[planned.question.key] for planned in questions]

    async def _ask_one(self, planned: PlannedQuestion) -> None:
        first_time = planned.question.key not in self.answers
        if first_time:
            self._started += len(planned.services)
            self._report(planned)
        self.answers[planned.question.key] = await self._resolver.answer(planned.question)
        if first_time:
            self._answered += len(planned.services)
            self._report(planned)

    def deferred_until(self, deadline: datetime) -> list[tuple[PlannedQuestion, datetime]]:
        """The questions that a registry allows again before `deadline`, each with the time that it set."""
        deferred = []
        for planned in self._plan.questions:
            error = self.answers[planned.question.key].state.error
            if error and error.retry_at and error.retry_at <= deadline:
                deferred.append((planned, error.retry_at))
        return deferred

    def _report(self, planned: PlannedQuestion) -> None:
        target = planned.services[-1]
        self._watcher.step(CheckStep(self._started, self._answered, self._plan.services, target))

"""Shows a running update: log lines, events, and progress that never decreases."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from dockrev.errors import StorageError, UpstreamError
from dockrev.jobs.context import JobContext
from dockrev.jobs.events import JobEvent
from dockrev.jobs.models import JobProgress, Level
from dockrev.replacement.plan import ServiceChange
from dockrev.replacement.ports import EndedStep, StepEvent, StepStatus
from dockrev.updates.documents import UpdateStateSettled, UpdateStepped
from dockrev.updates.environment import UpdateEnvironment
from dockrev.updates.models import StackPlan, UpdatePlan
from dockrev.updates.progress import BACKUP_SHARE, ServicePosition, StepProgress, UpdatePhase


class UpdateReport:
    """The report of a whole job. Several stacks may report at the same time."""

    def __init__(self, context: JobContext, plan: UpdatePlan) -> None:
        self._context = context
        self._fractions = {stack.stack_id: 0.0 for stack in plan.stacks}

    async def log(self, message: str, level: Level = Level.INFO) -> None:
        await self._context.log(message, level)

    async def event(self, event: JobEvent) -> None:
        await self._context.event(event)

    async def steps(self) -> Sequence[UpdateStepped]:
        """All steps so far, including those of earlier processes."""
        return await self._context.events(UpdateStepped)

    def begin(self) -> None:
        total = len(self._fractions)
        self._context.progress(
            JobProgress(UpdatePhase.PREPARE, "preparing the services", 0, total, exact_percent=0)
        )

    def advance(self, stack_id: str, progress: StepProgress, message: str) -> None:
        self._fractions[stack_id] = max(self._fractions[stack_id], progress.fraction)
        total = len(self._fractions)
        done = sum(fraction >= 1.0 for fraction in self._fractions.values())
        percent = int(100 * sum(self._fractions.values()) / total)
        self._context.progress(
            JobProgress(progress.phase, message, done, total, current_target=stack_id, exact_percent=percent)
        )

    def finish(self) -> None:
        total = len(self._fractions)
        self._context.progress(
            JobProgress(UpdatePhase.DONE, "update finished", total, total, planned_current=total)
        )


class StackReport:
    """Shows the replacement of one stack as lines, events and progress of its job."""

    def __init__(self, job: UpdateReport, stack: StackPlan, environment: UpdateEnvironment) -> None:
        self._job = job
        self._stack = stack
        self._environment = environment
        self._positions: Mapping[str, ServicePosition] = {}
        self.planned(stack.services)

    def planned(self, changes: Sequence[ServiceChange]) -> None:
        total = len(self._stack.services)
        self._positions = {
            change.service_id: ServicePosition(index, total) for index, change in enumerate(changes)
        }

    async def log(self, message: str, level: Level) -> None:
        await self._job.log(message, level)

    async def line(self, text: str, *, warning: bool = False) -> None:
        with suppress(StorageError):  # a lost line does no harm; the journal holds what a resume needs
            await self._job.log(text, Level.WARN if warning else Level.INFO)

    async def step(self, event: StepEvent) -> None:
        change = event.change
        where = f"{self._stack.project}/{change.name}" if change else self._stack.project
        if change is None:
            self._advance(StepProgress(UpdatePhase.BACKUP, BACKUP_SHARE), f"{where}: {event.text}")
        elif event.status is StepStatus.DONE:
            self._advance(self._positions[change.service_id].done(event.step), f"{change.name}: {event.text}")
        await self._job.log(f"{where}: {event.step} {event.status}: {event.text}", _level(event))
        await self._job.event(
            UpdateStepped(
                stack_id=self._stack.stack_id,
                service_id=change.service_id if change else None,
                service_name=change.name if change else None,
                step=event.step,
                status=event.status,
                detail=event.text,
            )
        )

    async def ended_steps(self) -> Collection[EndedStep]:
        return {
            EndedStep(step.service_id, step.step, step.status)
            for step in await self._job.steps()
            if step.stack_id == self._stack.stack_id and step.status is not StepStatus.STARTED
        }

    def pulling(self, change: ServiceChange, done_bytes: int, total_bytes: int) -> None:
        progress = self._positions[change.service_id].pulling(done_bytes, total_bytes)
        self._advance(progress, f"{change.name}: pulled {_size(done_bytes)} of {_size(total_bytes)}")

    def waiting(self, change: ServiceChange, reason: str) -> None:
        self._advance(self._positions[change.service_id].done("apply"), f"{change.name}: {reason}")

    async def replaced(self, change: ServiceChange) -> None:
        """A failed scan is only a warning, because the next scan sees the same containers."""
        try:
            await self._environment.scanner.scan()
        except UpstreamError as error:
            await self.line(f"the list of stacks could not be refreshed: {error.message}", warning=True)
        await self.settled(change)

    async def settled(self, change: ServiceChange) -> None:
        """Checks the service again and reports its new state."""
        try:
            view = await self._environment.checked_again(self._stack.stack_id, change.service_id)
        except UpstreamError as error:
            await self.line(f"{change.name} could not be checked again: {error.message}", warning=True)
            return
        if view is not None:
            await self._job.event(
                UpdateStateSettled(
                    stack_id=self._stack.stack_id,
                    service_id=change.service_id,
                    service_name=change.name,
                    runtime_digest=view.state.digest,
                    candidate_present=view.state.candidate is not None,
                    inference_ok=view.version.inference.ok,
                )
            )

    def finished(self) -> None:
        self._advance(StepProgress(UpdatePhase.APPLY, 1.0), f"{self._stack.project} finished")

    def _advance(self, progress: StepProgress, message: str) -> None:
        self._job.advance(self._stack.stack_id, progress, message)


def _level(event: StepEvent) -> Level:
    if event.status is not StepStatus.FAILED:
        return Level.INFO
    return Level.WARN if event.warning else Level.ERROR


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"

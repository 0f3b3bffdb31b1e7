"""What people see of an update while it runs: log lines, events, and progress that never goes back."""

from collections.abc import Mapping, Sequence
from typing import Any

from dockrev.errors import Json
from dockrev.jobs.context import JobContext
from dockrev.jobs.models import JobProgress, Level
from dockrev.stacks.views import ServiceView
from dockrev.updates.models import ServicePlan, StackPlan, Step, UpdatePlan
from dockrev.updates.shares import BACKUP_SHARE, Phase, Place, Share


class UpdateReport:
    """Of a whole job; stacks may be at work side by side."""

    def __init__(self, context: JobContext, plan: UpdatePlan) -> None:
        self._context = context
        self._fractions = {stack.stack_id: 0.0 for stack in plan.stacks}

    def stack(self, stack: StackPlan) -> "StackReport":
        return StackReport(self, stack)

    async def log(self, message: str, level: Level = Level.INFO) -> None:
        await self._context.log(message, level)

    async def event(self, kind: str, fields: Mapping[str, Json]) -> None:
        await self._context.event(kind, fields)

    def begin(self) -> None:
        total = len(self._fractions)
        self._context.progress(JobProgress(Phase.PREPARE, "looking at what runs", 0, total, exact_percent=0))

    def advance(self, stack_id: str, share: Share, message: str) -> None:
        self._fractions[stack_id] = max(self._fractions[stack_id], share.fraction)
        total = len(self._fractions)
        done = sum(one >= 1.0 for one in self._fractions.values())
        percent = int(100 * sum(self._fractions.values()) / total)
        self._context.progress(
            JobProgress(share.phase, message, done, total, current_target=stack_id, exact_percent=percent)
        )

    def finish(self) -> None:
        total = len(self._fractions)
        self._context.progress(
            JobProgress(Phase.DONE, "update finished", total, total, planned_current=total)
        )


class StackReport:
    def __init__(self, job: UpdateReport, stack: StackPlan) -> None:
        self._job = job
        self._stack = stack
        self.in_order(stack.services)

    def in_order(self, services: Sequence[ServicePlan]) -> None:
        """As they will be updated."""
        total = len(self._stack.services)
        self._places = {one.service_id: Place(index, total) for index, one in enumerate(services)}

    async def log(self, message: str, level: Level = Level.INFO) -> None:
        await self._job.log(message, level)

    async def warn(self, message: str) -> None:
        await self._job.log(message, Level.WARN)

    async def backup(self, status: str, text: str, level: Level = Level.INFO) -> None:
        """A step of the whole stack."""
        share = Share(Phase.BACKUP, BACKUP_SHARE)
        self._advance(share, f"{self._stack.project}: {text}")
        await self._job.log(f"{self._stack.project}: {Step.BACKUP} {status}: {text}", level)
        fields = {
            "stackId": self._stack.stack_id,
            "step": Step.BACKUP.value,
            "status": status,
            "detail": text,
        }
        await self._job.event("update_step", fields)

    async def began(self, service: ServicePlan, step: Step, text: str) -> None:
        await self._step(service, step, "started", text, Level.INFO)

    async def did(self, service: ServicePlan, step: Step, text: str) -> None:
        self._advance(self._places[service.service_id].done(step), f"{service.name}: {text}")
        await self._step(service, step, "done", text, Level.INFO)

    async def failed(self, service: ServicePlan, step: Step, text: str) -> None:
        await self._step(service, step, "failed", text, Level.ERROR)

    def pulling(self, service: ServicePlan, done: int, total: int) -> None:
        share = self._places[service.service_id].pulling(done, total)
        self._advance(share, f"{service.name}: pulled {_size(done)} of {_size(total)}")

    def watching(self, service: ServicePlan, reason: str) -> None:
        self._advance(self._places[service.service_id].done(Step.APPLY), f"{service.name}: {reason}")

    def finished(self) -> None:
        self._advance(Share(Phase.APPLY, 1.0), f"{self._stack.project} finished")

    async def settled(self, service: ServicePlan, seen: ServiceView) -> None:
        await self._job.event(
            "update_state_settled",
            {
                "stackId": self._stack.stack_id,
                "serviceId": service.service_id,
                "serviceName": service.name,
                "runtimeDigest": seen.state.digest,
                "candidatePresent": seen.state.candidate is not None,
                "inferenceOk": seen.version.inference.ok,
            },
        )

    def _advance(self, share: Share, message: str) -> None:
        self._job.advance(self._stack.stack_id, share, message)

    async def _step(self, service: ServicePlan, step: Step, status: str, text: str, level: Level) -> None:
        await self._job.log(f"{self._stack.project}/{service.name}: {step} {status}: {text}", level)
        fields: dict[str, Any] = {
            "stackId": self._stack.stack_id,
            "serviceId": service.service_id,
            "serviceName": service.name,
            "step": step.value,
            "status": status,
            "detail": text,
        }
        await self._job.event("update_step", fields)


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"

"""What people see of an update while it runs: log lines, events, and progress that never goes back."""

from collections.abc import Mapping, Sequence
from typing import Any

from dockrev.errors import Json
from dockrev.jobs.models import Level, Progress
from dockrev.jobs.runner import JobContext
from dockrev.stacks.appraisal import AppraisedService
from dockrev.updates.models import ServicePlan, StackPlan, Step, UpdatePlan

_PREPARE_SHARE = 0.08
_BACKUP, _APPLY, _APPLY_SHARE = 0.08, 0.15, 0.80
_PREPARED_AT: Mapping[Step, float] = {Step.RECORD: 0.5, Step.PREFLIGHT: 1.0}
"""Of all services of a stack before anything is done to the first: a share of its own."""
_APPLIED_AT: Mapping[Step, float] = {
    Step.PULL: 0.52,
    Step.TAG: 0.60,
    Step.APPLY: 0.82,
    Step.VERIFY: 0.90,
    Step.PROVE: 0.95,
    Step.SETTLE: 1.0,
    Step.ROLLBACK: 1.0,
}
_PULL_FROM, _PULL_TO = 0.08, 0.50


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
        self._context.progress(Progress("prepare", "looking at what runs", 0, total, exact_percent=0))

    def advance(self, stack_id: str, fraction: float, phase: str, message: str) -> None:
        self._fractions[stack_id] = max(self._fractions[stack_id], fraction)
        total = len(self._fractions)
        done = sum(one >= 1.0 for one in self._fractions.values())
        percent = int(100 * sum(self._fractions.values()) / total)
        self._context.progress(
            Progress(phase, message, done, total, current_target=stack_id, exact_percent=percent)
        )

    def finish(self) -> None:
        total = len(self._fractions)
        self._context.progress(Progress("done", "update finished", total, total, planned_current=total))


class StackReport:
    def __init__(self, job: UpdateReport, stack: StackPlan) -> None:
        self._job = job
        self._stack = stack
        self.in_order(stack.services)

    def in_order(self, services: Sequence[ServicePlan]) -> None:
        """As they will be updated."""
        self._position = {one.service_id: index for index, one in enumerate(services)}

    async def log(self, message: str, level: Level = Level.INFO) -> None:
        await self._job.log(message, level)

    async def backup(self, status: str, text: str, level: Level = Level.INFO) -> None:
        """A step of the whole stack."""
        self._job.advance(self._stack.stack_id, _BACKUP, "backup", f"{self._stack.project}: {text}")
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
        if step in _PREPARED_AT:
            self._prepared(service, _PREPARED_AT[step], f"{service.name}: {text}")
        else:
            self._advance(service, _APPLIED_AT[step], f"{service.name}: {text}")
        await self._step(service, step, "done", text, Level.INFO)

    async def failed(self, service: ServicePlan, step: Step, text: str) -> None:
        await self._step(service, step, "failed", text, Level.ERROR)

    def pulling(self, service: ServicePlan, done: int, total: int) -> None:
        share = done / total if total else 0.0
        fraction = _PULL_FROM + (_PULL_TO - _PULL_FROM) * share
        self._advance(service, fraction, f"{service.name}: pulled {_size(done)} of {_size(total)}")

    def watching(self, service: ServicePlan, reason: str) -> None:
        self._advance(service, _APPLIED_AT[Step.APPLY], f"{service.name}: {reason}")

    def finished(self) -> None:
        self._job.advance(self._stack.stack_id, 1.0, "apply", f"{self._stack.project} finished")

    async def settled(self, service: ServicePlan, seen: AppraisedService) -> None:
        await self._job.event(
            "update_state_settled",
            {
                "stackId": self._stack.stack_id,
                "serviceId": service.service_id,
                "serviceName": service.name,
                "runtimeDigest": seen.verdict.digest,
                "candidatePresent": seen.verdict.candidate is not None,
                "inferenceOk": seen.version.inference.ok,
            },
        )

    def _prepared(self, service: ServicePlan, within: float, message: str) -> None:
        share = self._share(service, within)
        self._job.advance(self._stack.stack_id, _PREPARE_SHARE * share, "prepare", message)

    def _share(self, service: ServicePlan, within: float) -> float:
        return (self._position[service.service_id] + within) / len(self._stack.services)

    def _advance(self, service: ServicePlan, within: float, message: str) -> None:
        share = self._share(service, within)
        self._job.advance(self._stack.stack_id, _APPLY + _APPLY_SHARE * share, "apply", message)

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

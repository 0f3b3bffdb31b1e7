"""One service from the image that runs to the one that was approved, step by step.

Every step may be done again: after a crash the journal tells which ones are done, and the first one that is
not is simply done once more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Self

from pydantic import TypeAdapter

from dockrev.errors import AppError, DockerError, JobCancelled, Json, StorageError
from dockrev.updates.collaborators import Tools
from dockrev.updates.going_back import GoingBack, Undo
from dockrev.updates.models import ServiceOutcome, ServicePlan, ServiceStatus, StackPlan, Step
from dockrev.updates.protection import Protection
from dockrev.updates.pull_tags import PullTags
from dockrev.updates.record import Before, from_facts
from dockrev.updates.report import StackReport
from dockrev.updates.steps import INTENT, Steps
from dockrev.updates.store import Journal
from dockrev.updates.together import Tie

_OUTCOME = TypeAdapter(ServiceOutcome)
_OUTCOME_STEP = "outcome"
_TURNED_BACK = "turned_back"


class StepFailed(Exception):
    """A step could not be done; `step` is where. `cancelled`: because nobody wants it any more."""

    def __init__(self, step: Step, reason: str, *, cancelled: bool = False) -> None:
        super().__init__(reason)
        self.step = step
        self.reason = reason
        self.cancelled = cancelled

    @classmethod
    def because(cls, step: Step, error: AppError) -> Self:
        return cls(step, error.message, cancelled=isinstance(error, JobCancelled))


class ServiceUpdate:
    def __init__(
        self,
        job_id: str,
        stack: StackPlan,
        plan: ServicePlan,
        journal: Journal,
        tools: Tools,
        report: StackReport,
        cancelled: asyncio.Event,
    ) -> None:
        self._stack = stack
        self._plan = plan
        self._journal = journal
        self._tools = tools
        self._report = report
        self._cancelled = cancelled
        self._protection = Protection(job_id, plan.service_id)
        self._steps = Steps(stack, plan, tools, report, cancelled)
        self._before: Before | None = None
        self._done: dict[str, Mapping[str, Any]] = {}

    @property
    def plan(self) -> ServicePlan:
        return self._plan

    @property
    def turned_back(self) -> bool:
        """It has to go back, or is on its way."""
        return _TURNED_BACK in self._done

    async def recall(self) -> ServiceOutcome | None:
        """What the journal holds; the outcome, if this service is finished."""
        self._done = await self._journal.read()
        if facts := self._done.get(Step.RECORD):
            self._before = from_facts(facts)
        if finished := self._done.get(_OUTCOME_STEP):
            outcome: ServiceOutcome = _OUTCOME.validate_python(finished)
            return None if self.turned_back and outcome.status is ServiceStatus.UPDATED else outcome
        return None

    async def prepare(self, *, allow_arch_mismatch: bool, protect: bool) -> ServiceOutcome | None:
        """The steps that change nothing. An outcome is returned only when that is the end of it.

        `protect`: no prune may remove the image that runs, until this is over. Raises StepFailed.
        """
        if Step.PREFLIGHT in self._done:
            return None
        if not await self._do(Step.RECORD, lambda: self._record(protect)):
            return await self._end(ServiceStatus.SKIPPED, "it does not run, and an update starts nothing")
        looking = partial(self._steps.preflight, allow_arch_mismatch=allow_arch_mismatch)
        await self._do(Step.PREFLIGHT, lambda: looking(self._known))
        return None

    def rehearsed(self) -> ServiceOutcome:
        """What a dry run says of a service that could be updated."""
        size: int | None = self._done.get(Step.PREFLIGHT, {}).get("downloadBytes")
        image, status = self._known.image, ServiceStatus.NOT_ATTEMPTED
        plan = self._plan
        return ServiceOutcome(
            plan.service_id, plan.name, status, "dry run", old_image=image, bytes_to_download=size
        )

    async def apply(self) -> ServiceOutcome | None:
        """From pull to settle. None: it has turned back. Never raises AppError."""
        if self.turned_back:
            return None
        steps = self._steps
        try:
            image = (await self._do(Step.PULL, steps.pull))["image"]
            await self._do(Step.TAG, lambda: steps.tag(image))
            await self._do(Step.APPLY, lambda: steps.up(self._known))
            await self._do(Step.VERIFY, lambda: steps.verify(self._known, image))
            await self._do(Step.PROVE, lambda: steps.prove(self._known))
        except StepFailed as failure:
            return await self._after(failure)
        return await self._finish(image)

    async def made_anew(self) -> list[str]:
        """The services whose containers are others than before the update: itself, and who lives with it."""
        before = self._before
        if before is None or not await self._steps.applying.replaced(before):
            return []
        return [self._plan.name, *before.sharing]

    async def refuse(self, failure: StepFailed) -> ServiceOutcome:
        """The end of a service of which nothing was changed."""
        return await self._end(
            ServiceStatus.FAILED, failure.reason, failure.step, cancelled=failure.cancelled
        )

    async def turn_back(self, reason: str, step: Step | None = None, *, cancelled: bool = False) -> None:
        """Not ended by cancelling the job: going back is what that asks for. `cancelled`: it is the cause."""
        facts = {"step": step, "reason": reason, "cancelled": cancelled}
        await self._journal.write(_TURNED_BACK, facts)
        self._done[_TURNED_BACK] = facts

    @property
    def tie(self) -> Tie:
        return Tie(self._plan.name, str(self._plan.ref), self._known.data)

    async def way_back(self, undo: Undo | None) -> GoingBack:
        facts = self._done[_TURNED_BACK]
        why = f"of {facts['step']}: {facts['reason']}" if facts["step"] else facts["reason"]
        await self._report.began(self._plan, Step.ROLLBACK, f"because {why}")
        return GoingBack(
            self._tools,
            self._steps.applying,
            self._steps.watching,
            self._known,
            self._plan.ref,
            self._journal,
            undo,
        )

    async def gone_back(self, text: str) -> ServiceOutcome:
        await self._steps.look_around()
        await self._report.did(self._plan, Step.ROLLBACK, f"{text}{self._steps.also}")
        facts = self._done[_TURNED_BACK]
        step = Step(facts["step"]) if facts["step"] else None
        return await self._end(
            ServiceStatus.ROLLED_BACK,
            facts["reason"],
            step,
            self._known.image,
            cancelled=self._called_off,
        )

    async def stranded(self, error: AppError, unrestored: str | None = None) -> ServiceOutcome:
        """There was no way back. `unrestored`: the backup whose data is not back, or not all of it."""
        await self._report.failed(self._plan, Step.ROLLBACK, error.message)
        reason = f"{self._done[_TURNED_BACK]['reason']}; going back failed too: {error.message}"
        if unrestored:
            reason += f" Its data is not back; before anything else: dockrev backup restore {unrestored}"
        return await self._left_there(Step.ROLLBACK, reason, cancelled=self._called_off)

    @property
    def _called_off(self) -> bool:
        """It turned back because the job was cancelled."""
        return bool(self._done[_TURNED_BACK].get("cancelled"))

    async def _finish(self, image: str) -> ServiceOutcome:
        await self._do(Step.SETTLE, self._steps.settle)
        same = image == self._known.image
        also = PullTags(self._tools, self._plan.service_id, self._plan.ref, self._cancelled, self._report.log)
        pulled = await also.pull(self._plan.pull_tags)
        outcome = ServiceOutcome(
            self._plan.service_id,
            self._plan.name,
            ServiceStatus.UNCHANGED if same else ServiceStatus.UPDATED,
            old_image=self._known.image,
            new_image=image,
            pulled_tags=pulled.names,
            warnings=pulled.warnings,
        )
        return await self._keep(outcome)

    @property
    def _known(self) -> Before:
        if self._before is None:
            raise StepFailed(Step.RECORD, "the service was never recorded")
        return self._before

    async def _do(self, step: Step, work: Callable[[], Awaitable[dict[str, Json]]]) -> Mapping[str, Any]:
        """Once: what the journal has is not done again. Raises StepFailed."""
        if step in self._done:
            return self._done[step]
        if self._cancelled.is_set() and step is not Step.SETTLE:
            raise StepFailed.because(step, JobCancelled())
        await self._report.began(self._plan, step, INTENT[step])
        try:
            facts = await work()
        except StorageError:
            raise  # the whole job waits for its database
        except AppError as error:
            raise StepFailed.because(step, error) from error
        if facts:
            await self._journal.write(step, facts)
            self._done[step] = facts
        await self._report.did(self._plan, step, str(facts.get("text", "done")))
        return facts

    async def _record(self, protect: bool) -> dict[str, Json]:
        self._before = before = await self._steps.record()
        if before is None:
            return {}
        if protect:
            await self._protection.begin(self._tools.host.images, before.image)
        return {**before.as_facts(), "text": before.told}

    async def settled(self) -> None:
        await self._steps.settled()

    async def _after(self, failure: StepFailed) -> ServiceOutcome | None:
        await self._report.failed(self._plan, failure.step, failure.reason)
        if failure.step is Step.PULL:
            return await self.refuse(failure)
        if self._plan.auto_rollback or failure.cancelled:
            await self.turn_back(failure.reason, failure.step, cancelled=failure.cancelled)
            return None
        if self._cancelled.is_set():
            reason = f"{failure.reason}; it goes back because the job was cancelled"
            await self.turn_back(reason, failure.step, cancelled=True)
            return None
        reason = f"{failure.reason}; automatic rollback is off for this service"
        return await self._left_there(failure.step, reason)

    async def _left_there(self, step: Step, reason: str, *, cancelled: bool = False) -> ServiceOutcome:
        """It is not as it was; the operator learns what there is, and how to go back by hand."""
        left = await self._steps.applying.left()
        told = f"{reason.rstrip('.')}. {left.text}"
        if left.image != self._known.image:
            kept = self._protection.kept_name
            what = await self._protection.best_told(self._tools.host.images, self._known)
            told += (
                f" {what} stays here as {kept}. To go back: docker tag {kept}"
                f" {self._plan.image_ref} && docker compose up -d {self._plan.name}"
            )
        return await self._end(ServiceStatus.FAILED, told, step, left.image, cancelled=cancelled)

    async def let_go(self, outcome: ServiceOutcome | None) -> None:
        """The old image needs no protection any more. One that is missing in its place keeps a name."""
        if self._before is None:
            return
        images = self._tools.host.images
        try:
            if outcome and outcome.left_changed:
                await self._protection.keep(images, await self._protection.best(images, self._before))
            elif outcome and outcome.went_well:
                await self._protection.end(images)
            else:
                await self._protection.cease(images)
        except DockerError as error:
            await self._report.warn(f"a protective name of the old image stays: {error.message}")

    async def _end(
        self,
        status: ServiceStatus,
        reason: str,
        step: Step | None = None,
        new_image: str | None = None,
        *,
        cancelled: bool = False,
    ) -> ServiceOutcome:
        outcome = ServiceOutcome(self._plan.service_id, self._plan.name, status, reason, step)
        old = self._before.image if self._before else None
        return await self._keep(replace(outcome, old_image=old, new_image=new_image, cancelled=cancelled))

    async def _keep(self, outcome: ServiceOutcome) -> ServiceOutcome:
        facts = _OUTCOME.dump_python(outcome, mode="json")
        await self._journal.write(_OUTCOME_STEP, facts)
        return outcome

"""One service of a replacement on its way: what the journal holds of it, and how it ended."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dockrev.blockers import Blocked, Blocker
from dockrev.errors import JobCancelled
from dockrev.replacement import facts, kept_image
from dockrev.replacement.context import ReplacementContext
from dockrev.replacement.outcome import ServiceOutcome, ServiceStatus
from dockrev.replacement.plan import ServiceChange
from dockrev.replacement.ports import EndedStep, Facts, StepEvent, StepStatus
from dockrev.replacement.recreate import ServiceContainers
from dockrev.replacement.state import PreviousState


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """`step`: the one that failed; None when the service rolls back because of another one."""

    reason: str
    step: str | None = None
    cancelled: bool = False


class ServiceRun:
    """Everything that has to survive a crash is in `entries`, as the journal has it."""

    def __init__(self, change: ServiceChange, context: ReplacementContext) -> None:
        self.change = change
        self.context = context
        self.containers = ServiceContainers(
            context.host, context.replacement.project, change.name, context.tell.line
        )
        self.entries: dict[str, Facts] = {}
        self.outcome: ServiceOutcome | None = None
        self.rollback: RollbackRequest | None = None
        self._previous: PreviousState | None = None

    async def load(self, told: Collection[EndedStep]) -> None:
        """Takes up what an earlier process has done. `told`: the ended steps that people know of.

        A step whose end is in the journal, but was not told before a crash, is told now.
        """
        journal, service_id = self.context.journal, self.change.service_id
        self.entries = facts.understood(await journal.read(service_id))
        if entry := self.entries.get(facts.RECORD):
            self._previous = facts.decode(entry, PreviousState)
        if entry := self.entries.get(facts.ROLLBACK_REQUEST):
            self.rollback = facts.decode(entry, RollbackRequest)
        if entry := self.entries.get(facts.OUTCOME):
            outcome = facts.decode(entry, ServiceOutcome)
            if not (self.rollback and outcome.status is ServiceStatus.UPDATED):
                self.outcome = outcome
        for name, entry in self.entries.items():
            if name not in facts.NOT_STEPS and EndedStep(service_id, name, StepStatus.DONE) not in told:
                await self.tell_step(name, StepStatus.DONE, str(entry.get("text", "done")))

    @property
    def previous(self) -> PreviousState:
        if self._previous is None:
            raise RuntimeError(f"{self.change.name} was not recorded yet")
        return self._previous

    @previous.setter
    def previous(self, previous: PreviousState) -> None:
        self._previous = previous

    @property
    def new_image(self) -> str:
        """The id of the pulled image."""
        return str(self.entries["pull"]["image"])

    @property
    def namesakes(self) -> str:
        """The other services that the new image concerns at their next `compose up`, as a phrase."""
        names = ", ".join(self.change.namesakes)
        return f", and for {names} at the next compose up there" if names else ""

    @property
    def is_recorded(self) -> bool:
        return self._previous is not None

    async def write(self, entry: str, content: Mapping[str, Any]) -> None:
        self.entries[entry] = content
        await self.context.journal.write(self.change.service_id, entry, facts.numbered(content))

    async def tell_step(self, step: str, status: StepStatus, text: str) -> None:
        await self.context.tell.step(StepEvent(self.change, step, status, text))

    async def request_rollback(self, request: RollbackRequest) -> None:
        """From here on no restart turns it around."""
        self.rollback, self.outcome = request, None
        await self.write(facts.ROLLBACK_REQUEST, facts.encode(request))

    async def end(
        self,
        status: ServiceStatus,
        reason: str | None,
        step: str | None = None,
        new_image: str | None = None,
        *,
        cancelled: bool = False,
        blockers: tuple[Blocker, ...] = (),
    ) -> None:
        outcome = ServiceOutcome(
            self.change.service_id,
            self.change.name,
            status,
            reason,
            step,
            old_image=self._previous.image if self._previous else None,
            new_image=new_image,
            cancelled=cancelled,
            blockers=blockers,
        )
        self.outcome = outcome
        await self.write(facts.OUTCOME, facts.encode(outcome))

    async def leave_as_is(self, step: str, reason: str, *, cancelled: bool = False) -> None:
        """Ends a service that is not as it was before; says what there is, and how to go back by hand."""
        left, images = await self.containers.left(), self.context.host.images
        service_id = self.change.service_id
        text = f"{reason.rstrip('.')}. {left.text}"
        if left.image != self.previous.image:
            kept = kept_image.kept_name(service_id)
            what = await kept_image.describe_best_image(images, service_id, self.previous)
            text += (
                f" {what} stays here as {kept}. To go back: docker tag {kept}"
                f" {self.change.image_ref} && docker compose up -d {self.change.name}"
            )
        await self.end(ServiceStatus.FAILED, text, step, left.image, cancelled=cancelled)


class StepFailed(Exception):
    """`cancelled`: the step ended because the job was cancelled."""

    def __init__(self, step: str, cause: Exception) -> None:
        super().__init__(str(cause))
        self.step = step
        self.reason = str(cause)
        self.cancelled = isinstance(cause, JobCancelled)
        self.blockers = (cause.blocker,) if isinstance(cause, Blocked) else ()

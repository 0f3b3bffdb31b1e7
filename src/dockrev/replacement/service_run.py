"""One service of a replacement: its journal entries, its outcome, and a request to roll it back."""

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
    """`step` is the one that failed. It is None when the service rolls back because of another service."""

    reason: str
    step: str | None = None
    cancelled: bool = False


class ServiceRun:
    """`entries` are those of the journal. Everything that has to survive a crash is in them."""

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

    async def load(self, reported: Collection[EndedStep]) -> None:
        """Reads the journal of an earlier process. `reported` are the ended steps that it has reported.

        A crash can come between a journal entry and its report. Such a step is reported now.
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
            if name not in facts.NOT_STEPS and EndedStep(service_id, name, StepStatus.DONE) not in reported:
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
        """The image id of the pulled image."""
        return str(self.entries["pull"]["image"])

    @property
    def namesakes(self) -> str:
        """A phrase for the other services that use this image name; empty when there are none."""
        names = ", ".join(self.change.namesakes)
        return f"; the next compose up of {names} uses this image too" if names else ""

    @property
    def is_recorded(self) -> bool:
        return self._previous is not None

    async def write(self, entry: str, content: Mapping[str, Any]) -> None:
        self.entries[entry] = content
        await self.context.journal.write(self.change.service_id, entry, facts.numbered(content))

    async def tell_step(self, step: str, status: StepStatus, text: str) -> None:
        await self.context.tell.step(StepEvent(self.change, step, status, text))

    async def request_rollback(self, request: RollbackRequest) -> None:
        """Stores the request in the journal. From now on the service rolls back, also after a restart."""
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
        """Ends a service that has changed. The reason says what is left and how to roll back by hand."""
        left, images = await self.containers.left(), self.context.host.images
        service_id = self.change.service_id
        text = f"{reason.rstrip('.')}. {left.text}"
        if left.image != self.previous.image:
            kept = kept_image.kept_name(service_id)
            what = await kept_image.describe_best_image(images, service_id, self.previous)
            text += (
                f" {what} is kept as {kept}. To roll back by hand: docker tag {kept}"
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

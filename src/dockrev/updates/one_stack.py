"""The services of one stack, in the order of their dependencies, until one of them fails."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import TypeAdapter

from dockrev.backups.models import BackupResult, BackupSkipReason
from dockrev.docker.data import BackupTarget
from dockrev.errors import AppError, DockerError, JobCancelled, Json, UpstreamError
from dockrev.jobs.models import BackupMode, Level
from dockrev.projects.project import ComposeProject
from dockrev.replacement.order import dependency_order
from dockrev.updates.collaborators import Tools
from dockrev.updates.going_back import Undo
from dockrev.updates.models import (
    Mode,
    ServiceOutcome,
    ServicePlan,
    ServiceStatus,
    StackPlan,
    Step,
    UpdatePlan,
)
from dockrev.updates.one_service import ServiceUpdate, StepFailed
from dockrev.updates.report import StackReport
from dockrev.updates.restarting import Restarting
from dockrev.updates.retreat import Retreat
from dockrev.updates.retrying import engine_back, unless_cancelled
from dockrev.updates.store import Journal

_BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup came to. `summary` is the API's; `blocks`: the update may not go on without it.

    `id` is None when there is nothing to restore. `restores`: a rollback puts the data back as well.
    """

    id: str | None
    summary: Mapping[str, Any]
    blocks: bool
    restores: bool


class Backups(Protocol):
    async def save(self, job_id: str, stack_id: str, service_ids: Sequence[str], mode: BackupMode) -> Saved:
        """Failures are in the result, not raised."""
        ...

    async def restore(self, backup_id: str, data: Collection[BackupTarget]) -> str:
        """As much of this data as the backup holds; says what it did. Raises AppError."""
        ...

    async def settled(self, job_id: str) -> None:
        """The update has succeeded: its backups may go in time."""
        ...


@dataclass(frozen=True, slots=True)
class StackOutcome:
    stack: StackPlan
    backup: Mapping[str, Json]
    services: tuple[ServiceOutcome, ...]
    blocked: bool = False
    """A required backup failed, so nothing was touched."""


_SAVED = TypeAdapter(Saved)


class StackUpdate:
    def __init__(
        self,
        job_id: str,
        plan: UpdatePlan,
        stack: StackPlan,
        journal: Callable[[str], Journal],
        tools: Tools,
        backups: Backups,
        report: StackReport,
        cancelled: asyncio.Event,
    ) -> None:
        self._job_id = job_id
        self._plan = plan
        self._stack = stack
        self._journal = journal
        self._tools = tools
        self._backups = backups
        self._report = report
        self._cancelled = cancelled
        self._outcomes: dict[str, ServiceOutcome] = {}

    async def run(self) -> StackOutcome:
        updates = await self._recalled()
        self._report.in_order([one.plan for one in updates])
        ready = await self._prepare([one for one in updates if one.plan.service_id not in self._outcomes])
        if self._plan.mode is Mode.DRY_RUN:
            return await self._rehearsed(updates, ready)
        saved = await self._save(ready)
        if saved.blocks:
            reason = f"the backup that has to succeed first failed: {saved.summary.get('error')}"
            for one in ready:
                self._outcomes[one.plan.service_id] = await one.refuse(StepFailed(Step.BACKUP, reason))
        else:
            await self._apply(ready)
            await self._go_back(updates, saved)
            await self._restart_dependents(updates)
        await self._let_go(updates)
        self._report.finished()
        return self._outcome(saved.summary, blocked=saved.blocks)

    async def _recalled(self) -> list[ServiceUpdate]:
        """In order; what an earlier run finished keeps its outcome."""
        updates = []
        for plan in await self._ordered():
            update = ServiceUpdate(
                self._job_id,
                self._stack,
                plan,
                self._journal(plan.service_id),
                self._tools,
                self._report,
                self._cancelled,
            )
            if outcome := await update.recall():
                self._outcomes[plan.service_id] = outcome
            updates.append(update)
        return updates

    async def _ordered(self) -> Sequence[ServicePlan]:
        plans = {one.name: one for one in self._stack.services}
        if not plans:
            return ()
        try:
            view = await ComposeProject(self._tools.host, self._stack.project).read()
        except AppError as error:
            await self._report.log(f"{self._stack.project}: {error.message}", Level.ERROR)
            return self._stack.services
        services = {one.name: one for one in view.config.services}
        return [plans[name] for name in dependency_order(plans, services)]

    async def _prepare(self, updates: Sequence[ServiceUpdate]) -> list[ServiceUpdate]:
        """What may not be updated stops the stack before anything of it is touched.

        A rehearsal looks at all of it.
        """
        ready: list[ServiceUpdate] = []
        if self._went_wrong():
            return ready
        for update in updates:
            try:
                ended = await update.prepare(
                    allow_arch_mismatch=self._plan.allow_arch_mismatch,
                    protect=self._plan.mode is Mode.APPLY,
                )
            except StepFailed as failure:
                await self._report.failed(update.plan, failure.step, failure.reason)
                ended = await update.refuse(failure)
            if ended:
                self._outcomes[update.plan.service_id] = ended
            else:
                ready.append(update)
            if self._plan.mode is Mode.APPLY and self._went_wrong():
                return []
        return ready

    async def _rehearsed(
        self, updates: Sequence[ServiceUpdate], ready: Sequence[ServiceUpdate]
    ) -> StackOutcome:
        for update in ready:
            self._outcomes[update.plan.service_id] = update.rehearsed()
        for update in updates:
            await update.settled()
        self._report.finished()
        return self._outcome({"status": "skipped", "reason": "dry_run"})

    async def _save(self, ready: Sequence[ServiceUpdate]) -> Saved:
        journal = self._journal(self._stack.stack_id)
        if known := (await journal.read()).get(_BACKUP):
            return _SAVED.validate_python(known)
        if not ready:
            all_left_alone = self._stack.skipped_downgrades and not self._stack.services
            reason = BackupSkipReason.NO_SERVICES_LEFT if all_left_alone else BackupSkipReason.NO_SERVICES
            return Saved(None, BackupResult.skip(reason).as_json(), False, False)
        await self._report.backup("started", "volumes and directories of what is updated")
        saving = self._backups.save(
            self._job_id,
            self._stack.stack_id,
            [one.plan.service_id for one in ready],
            self._plan.backup_mode,
        )
        try:
            saved = await unless_cancelled(self._cancelled, saving)
        except JobCancelled as error:
            await self._report.backup("failed", error.message, Level.WARN)
            return Saved(None, {"status": "failed", "error": error.message}, False, False)
        await journal.write(_BACKUP, _SAVED.dump_python(saved, mode="json"))
        await self._tell_saved(saved)
        return saved

    async def _tell_saved(self, saved: Saved) -> None:
        if error := saved.summary.get("error"):
            await self._report.backup("failed", str(error), Level.ERROR if saved.blocks else Level.WARN)
        else:
            await self._report.backup("done", str(saved.summary.get("reason") or saved.summary.get("status")))

    async def _apply(self, ready: Sequence[ServiceUpdate]) -> None:
        for update in ready:
            if self._went_wrong():
                return
            outcome = await update.apply()
            if outcome is None:
                return
            self._outcomes[update.plan.service_id] = outcome

    async def _go_back(self, updates: Sequence[ServiceUpdate], saved: Saved) -> None:
        await self._call_back(updates)
        candidates = [one for one in updates if self._may_go_back(one)]
        if any(one.turned_back for one in candidates):
            self._outcomes |= await Retreat(candidates, self._undo(saved)).run()

    async def _restart_dependents(self, updates: Sequence[ServiceUpdate]) -> None:
        restarting = Restarting(self._tools, self._stack.project, self._report)
        try:
            made_anew = {name for one in updates for name in await one.made_anew()}
            await restarting.after(made_anew)
        except UpstreamError as error:
            await self._report.warn(f"who depends on them was not restarted: {error.message}")

    async def _call_back(self, updates: Sequence[ServiceUpdate]) -> None:
        """Those that moved the name of an image on, which a service that was not updated has too."""
        behind = {str(one.plan.ref): one.plan.name for one in updates if self._stayed_behind(one)}
        stays = any(self._stays_where_it_failed(one) for one in updates)
        for one in updates:
            ref = str(one.plan.ref)
            if ref not in behind or one.turned_back or not self._may_go_back(one):
                continue
            shared = f"shares the image name {ref} with {behind[ref]}, which was not updated"
            if stays:
                where = f"{self._stack.project}/{one.plan.name}"
                await self._report.warn(f"{where} {shared}, and comes up on the new image next")
            else:
                await one.turn_back(f"it {shared}")

    def _stayed_behind(self, one: ServiceUpdate) -> bool:
        outcome = self._outcomes.get(one.plan.service_id)
        return not one.turned_back if outcome is None else outcome.stayed_behind

    def _stays_where_it_failed(self, one: ServiceUpdate) -> bool:
        outcome = self._outcomes.get(one.plan.service_id)
        if outcome is None or outcome.status is not ServiceStatus.FAILED or outcome.cancelled:
            return False
        return not one.plan.auto_rollback

    def _may_go_back(self, one: ServiceUpdate) -> bool:
        outcome = self._outcomes.get(one.plan.service_id)
        return one.turned_back if outcome is None else outcome.status is ServiceStatus.UPDATED

    def _undo(self, saved: Saved) -> Undo | None:
        backup_id = saved.id
        if backup_id is None or not saved.restores:
            return None
        return Undo(backup_id, lambda data: self._backups.restore(backup_id, data))

    async def _let_go(self, updates: Sequence[ServiceUpdate]) -> None:
        """Also when the engine is away for a while."""
        try:
            await engine_back(self._tools)
        except DockerError as error:
            await self._report.warn(f"protective names of old images stay: {error.message}")
            return
        for one in updates:
            await one.let_go(self._outcomes.get(one.plan.service_id))

    def _went_wrong(self) -> bool:
        return any(one.status.went_wrong for one in self._outcomes.values())

    def _outcome(self, backup: Mapping[str, Json], *, blocked: bool = False) -> StackOutcome:
        services = (
            self._outcomes.get(one.service_id)
            or ServiceOutcome(
                one.service_id,
                one.name,
                ServiceStatus.NOT_ATTEMPTED,
                "another service of the stack failed first",
            )
            for one in self._stack.services
        )
        return StackOutcome(self._stack, backup, tuple(services), blocked)

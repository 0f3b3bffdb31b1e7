"""Updates as jobs: admitted with their reservations, resumed after a restart, ended with a true summary."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import timestamp
from dockrev.errors import AppError, JobCancelled
from dockrev.ids import IdPrefix, new_id
from dockrev.jobs.context import JobContext
from dockrev.jobs.kinds import JobKind
from dockrev.jobs.models import JobOutcome, JobStatus, Level, NewJob, Termination
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.store import JobStore
from dockrev.stacks.views import StackViews
from dockrev.updates.collaborators import Tools
from dockrev.updates.models import StackPlan, UpdatePlan, UpdateRequest
from dockrev.updates.one_stack import Backups, StackOutcome, StackUpdate
from dockrev.updates.protection import needless
from dockrev.updates.report import UpdateReport
from dockrev.updates.reservations import Reservations
from dockrev.updates.retrying import unless_cancelled
from dockrev.updates.selection import plan_update
from dockrev.updates.store import UpdateStore
from dockrev.updates.summary import status_of, summary_of, was_cancelled
from dockrev.updates.turns import Turns

log = structlog.get_logger()

JOB_TYPE = "update"
_STACKS_AT_ONCE = 3


class UpdateJobs:
    def __init__(
        self,
        runner: JobRunner,
        jobs: JobStore,
        updates: UpdateStore,
        reservations: Reservations,
        views: StackViews,
        tools: Tools,
        backups: Backups,
    ) -> None:
        self._runner = runner
        self._jobs = jobs
        self._updates = updates
        self._reservations = reservations
        self._views = views
        self._tools = tools
        self._backups = backups
        self._turns = Turns()
        runner.register(JobKind(JOB_TYPE, self._run, resumes=True))

    async def start(self, request: UpdateRequest, created_by: str) -> str:
        """Raises InvalidArgument or Conflict, and then nothing was recorded."""
        await (
            self._tools.host.own_service()
        )  # without the engine nobody can say which service is Dockrev itself
        plan = plan_update(request, await self._views.all())
        job_id = new_id(IdPrefix.JOB)
        job = NewJob(
            job_id,
            JOB_TYPE,
            request.target,
            created_by,
            request.reason,
            allow_arch_mismatch=request.allow_arch_mismatch,
            backup_mode=request.backup_mode,
            summary={"mode": request.mode.value},
        )
        await self._runner.submit(job, within=lambda connection: self._admit(connection, job_id, plan))
        return job_id

    async def _admit(self, connection: AsyncConnection, job_id: str, plan: UpdatePlan) -> None:
        await self._reservations.for_job(connection, job_id, plan.service_ids)
        await self._updates.admit(connection, job_id, plan)

    async def repair(self) -> None:
        """Before jobs run: what updates that have ended left behind by a crash goes away."""
        unfinished = {job.id for job in await self._jobs.unfinished()}
        await self._reservations.release_all_but(unfinished)
        try:
            if tags := await self._tools.host.images.rollback_tags():
                known = {one.service.id for stack in await self._views.all() for one in stack.services}
                for tag in needless(tags, unfinished, known):
                    await self._tools.host.images.untag(tag)
        except AppError as error:
            log.warning("Protective tags not cleaned", action="update.repair_failed", cause=error.message)

    async def _run(self, context: JobContext) -> JobOutcome:
        """Told apart from a first run by the journal alone. Reservations go when the outcome is certain."""
        plan = await self._updates.plan(context.job.id)
        report = UpdateReport(context, plan)
        if context.job.progress is None:
            await context.log("update started")
            report.begin()
        else:
            await context.log("update goes on")
        outcomes = await self._stacks(context, plan, report)
        report.finish()
        status = status_of(plan, outcomes)
        await context.log(
            f"update finished: {status}", Level.INFO if status is JobStatus.SUCCESS else Level.WARN
        )
        if status is JobStatus.SUCCESS:
            await self._backups.settled(context.job.id)
        await self._reservations.release(context.job.id)
        summary = dict(summary_of(plan, outcomes))
        if was_cancelled(outcomes):
            at = timestamp(self._tools.clock.now())
            summary["terminated"] = {"reason": Termination.CANCELLED.value, "at": at}
        return JobOutcome(status, summary)

    async def _stacks(
        self, context: JobContext, plan: UpdatePlan, report: UpdateReport
    ) -> Sequence[StackOutcome]:
        places = asyncio.Semaphore(_STACKS_AT_ONCE)
        begun = await self._updates.has_begun(context.job.id)

        async def update(stack: StackPlan) -> StackOutcome:
            async with places, self._turn(context, stack, begun=begun):
                return await StackUpdate(
                    context.job.id,
                    plan,
                    stack,
                    lambda subject: self._updates.journal(context.job.id, subject),
                    self._tools,
                    self._backups,
                    report.stack(stack),
                    context.cancel_requested,
                ).run()

        try:
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(update(stack)) for stack in plan.stacks]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return [one.result() for one in running]

    @asynccontextmanager
    async def _turn(self, context: JobContext, stack: StackPlan, *, begun: bool) -> AsyncIterator[None]:
        """One that has begun needs it to go back, too; another has nothing to wait for once cancelled."""
        async with AsyncExitStack() as held:
            turn = held.enter_async_context(self._turns.of(stack, context.log))
            with suppress(JobCancelled):
                await (turn if begun else unless_cancelled(context.cancel_requested, turn))
            yield

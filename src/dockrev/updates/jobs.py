"""The update job: it reserves its services, resumes after a restart, and ends with a summary."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.docker.images import Images
from dockrev.errors import AppError, JobCancelled, NotFound
from dockrev.hosts.local import LOCAL
from dockrev.ids import IdPrefix, new_id
from dockrev.jobs.context import JobContext
from dockrev.jobs.kinds import JobKind
from dockrev.jobs.models import JobOutcome, JobStatus, JobTarget, Level, NewJob, Terminated, Termination
from dockrev.jobs.reservations import Reservations
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.store import JobStore
from dockrev.replacement.kept_image import unneeded_tags
from dockrev.replacement.waiting import or_cancelled
from dockrev.stacks.scope import host_of
from dockrev.updates.documents import UpdateStateSettled, UpdateStepped, UpdateSummary
from dockrev.updates.each_stack import update_each_stack
from dockrev.updates.environment import UpdateEnvironment
from dockrev.updates.locks import UpdateLocks
from dockrev.updates.models import StackOutcome, StackPlan, UpdatePlan, UpdateRequest
from dockrev.updates.report import StackReport, UpdateReport
from dockrev.updates.selection import plan_update
from dockrev.updates.stack_update import update_stack
from dockrev.updates.store import UpdateStore
from dockrev.updates.summary import status_of, summary_of, was_cancelled

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
        environments: Mapping[str, UpdateEnvironment],
    ) -> None:
        """`environments` are keyed by host id."""
        self._runner = runner
        self._jobs = jobs
        self._updates = updates
        self._reservations = reservations
        self._environments = environments
        self._locks = UpdateLocks()
        runner.register(
            JobKind(JOB_TYPE, self._run, UpdateSummary, (UpdateStepped, UpdateStateSettled), resumes=True)
        )

    async def start(self, request: UpdateRequest, created_by: str) -> str:
        """Returns the id of the new job. Raises InvalidArgument or Conflict; then nothing is recorded."""
        for environment in await self._environments_of(request.target):
            # Only the engine knows which service is Dockrev itself, so this fails early when it is away.
            await environment.host.own_service()
        plan = plan_update(request, await self._local.views.all())
        job_id = new_id(IdPrefix.JOB)
        job = NewJob(
            job_id,
            JOB_TYPE,
            request.target,
            created_by,
            request.reason,
            allow_arch_mismatch=request.allow_arch_mismatch,
            backup_mode=request.backup_mode,
            summary=UpdateSummary(mode=request.mode),
            host_id=plan.stacks[0].host_id if len(plan.stacks) == 1 else LOCAL,
        )
        await self._runner.submit(
            job, in_transaction=lambda connection: self._admit(connection, job_id, plan)
        )
        return job_id

    @property
    def _local(self) -> UpdateEnvironment:
        return self._environments[LOCAL]

    async def _environments_of(self, target: JobTarget) -> Collection[UpdateEnvironment]:
        """Empty when the target does not exist or its host is not configured: `plan_update` reports that."""
        try:
            host_id = await host_of(self._local.stacks, target)
        except NotFound:
            return ()
        if host_id is None:
            return self._environments.values()
        return [self._environments[host_id]] if host_id in self._environments else ()

    def _environment_of(self, host_id: str) -> UpdateEnvironment:
        """Raises NotFound for a host that is not configured any more."""
        if host_id not in self._environments:
            raise NotFound(f"the host {host_id} is not configured")
        return self._environments[host_id]

    async def _admit(self, connection: AsyncConnection, job_id: str, plan: UpdatePlan) -> None:
        await self._reservations.reserve(connection, job_id, plan.service_ids)
        await self._updates.admit(connection, job_id, plan)

    async def repair(self) -> None:
        """Removes the image tags that a crash left behind. Call it before jobs run."""
        unfinished = {job.id for job in await self._jobs.unfinished()}
        for environment in self._environments.values():
            try:
                await self._remove_unneeded_tags(environment.host.images, unfinished)
            except AppError as error:
                log.warning("Tags of old images stay", action="update.repair_failed", cause=error.message)

    async def _remove_unneeded_tags(self, images: Images, unfinished: Collection[str]) -> None:
        if tags := await images.rollback_tags():
            stacks = await self._local.stacks.all()
            service_ids = {service.id for stack in stacks for service in stack.services}
            for tag in unneeded_tags(tags, unfinished, service_ids):
                await images.untag(tag)

    async def _run(self, context: JobContext) -> JobOutcome:
        """Runs the update, or resumes it: the replacement skips what its journal already has."""
        plan = await self._updates.plan(context.job.id)
        report = UpdateReport(context, plan)
        if context.job.progress is None:
            await context.log("update started")
            report.begin()
        else:
            await context.log("update resumed")
        outcomes = await self._stacks(context, plan, report)
        report.finish()
        status = status_of(plan, outcomes)
        await context.log(
            f"update finished: {status}", Level.INFO if status is JobStatus.SUCCESS else Level.WARN
        )
        summary = summary_of(plan, outcomes)
        if was_cancelled(outcomes):
            terminated = Terminated(reason=Termination.CANCELLED, at=self._local.clock.now())
            summary = summary.model_copy(update={"terminated": terminated})
        return JobOutcome(status, summary)

    async def _stacks(
        self, context: JobContext, plan: UpdatePlan, report: UpdateReport
    ) -> Sequence[StackOutcome]:
        places = asyncio.Semaphore(_STACKS_AT_ONCE)
        begun = await self._updates.has_begun(context.job.id)

        async def update(stack: StackPlan) -> StackOutcome:
            environment = self._environment_of(stack.host_id)
            async with places, self._locked(context, stack, begun=begun):
                return await update_stack(
                    context.job.id,
                    plan,
                    stack,
                    self._updates.journal(context.job.id, stack.stack_id),
                    environment,
                    StackReport(report, stack, environment),
                    context.cancel_requested,
                )

        return await update_each_stack(plan.stacks, update, lambda line: context.log(line, Level.ERROR))

    @asynccontextmanager
    async def _locked(self, context: JobContext, stack: StackPlan, *, begun: bool) -> AsyncIterator[None]:
        """Holds the locks of the stack.

        A job that has begun waits for them even when it is cancelled, because it may have to roll back. A job
        that has not begun stops waiting when it is cancelled.
        """
        async with AsyncExitStack() as held:
            waiting = held.enter_async_context(self._locks.hold(stack, context.log))
            with suppress(JobCancelled):
                await (waiting if begun else or_cancelled(context.cancel_requested, waiting))
            yield

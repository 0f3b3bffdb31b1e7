"""The restore job. It reserves its services like an update. After a restart it runs again from the start."""

from collections.abc import Collection, Mapping

from dockrev.backups.documents import BackupTargetDocument, RestoredTargetOut, RestoreStepped, RestoreSummary
from dockrev.backups.models import DataProgress, RestoreStep
from dockrev.backups.plan import RestorePlanner
from dockrev.backups.restore import BackupRestorer, running_users
from dockrev.clock import Clock
from dockrev.docker.data import BackupTarget
from dockrev.errors import AppError, JobCancelled, NotFound, StorageError
from dockrev.ids import IdPrefix, new_id
from dockrev.jobs.context import JobContext
from dockrev.jobs.kinds import JobKind
from dockrev.jobs.models import (
    Exclusive,
    JobOutcome,
    JobProgress,
    JobStatus,
    JobTarget,
    NewJob,
    Reason,
    Scope,
    Terminated,
    Termination,
)
from dockrev.jobs.reservations import Reservations
from dockrev.jobs.runner import JobRunner
from dockrev.web.wire import read_leniently

JOB_TYPE = "restore"


class RestoreJobs:
    """Only one restore runs at a time, because two could stop and start the same container."""

    def __init__(
        self,
        runner: JobRunner,
        reservations: Reservations,
        planner: RestorePlanner,
        restorers: Mapping[str, BackupRestorer],
        clock: Clock,
    ) -> None:
        """`restorers` are keyed by host id."""
        self._runner = runner
        self._reservations = reservations
        self._planner = planner
        self._restorers = restorers
        self._clock = clock
        runner.register(JobKind(JOB_TYPE, self._run, RestoreSummary, (RestoreStepped,), resumes=True))

    async def start(
        self,
        backup_id: str,
        targets: Collection[BackupTarget] | None,
        created_by: str,
        *,
        stop_containers: bool,
    ) -> str:
        """Returns the id of the new job. Raises like `RestorePlanner.plan`.

        Also raises Conflict when running containers use the data and `stop_containers` is False.
        """
        plan = await self._planner.plan(backup_id, targets)
        if plan.containers and not stop_containers:
            raise running_users(plan.containers)
        job = NewJob(
            new_id(IdPrefix.JOB),
            JOB_TYPE,
            JobTarget(Scope.STACK, plan.backup.stack_id),
            created_by,
            Reason.UI,
            summary=RestoreSummary(
                backup_id=backup_id,
                targets=[BackupTargetDocument.of(target) for target in plan.targets],
                stop_containers=stop_containers,
            ),
            host_id=plan.backup.host_id,
        )
        await self._runner.submit(
            job,
            Exclusive(any_target=True),
            in_transaction=lambda connection: self._reservations.reserve(
                connection, job.id, plan.service_ids
            ),
        )
        return job.id

    async def _run(self, context: JobContext) -> JobOutcome:
        """Runs the restore. After a failure the containers stay stopped until a restore succeeds."""
        order = read_leniently(RestoreSummary, context.job.summary)
        restorer = self._restorers.get(context.job.host_id)
        if restorer is None:
            raise NotFound(f"the host {context.job.host_id} is not configured")
        backup_id = order.backup_id or ""
        report = _RestoreReport(context)
        await report.begin()
        try:
            restored = await restorer.restore(
                backup_id,
                [document.target() for document in order.targets or ()],
                stop_containers=bool(order.stop_containers),
                on_progress=report.progress,
                on_step=report.step,
            )
        except JobCancelled:
            terminated = Terminated(reason=Termination.CANCELLED, at=self._clock.now())
            return JobOutcome(JobStatus.FAILED, RestoreSummary(terminated=terminated))
        except StorageError:
            raise  # the runner repeats the restore
        except AppError as error:
            stopped = await restorer.stopped_containers(backup_id)
            if not stopped:
                raise
            remedy = f"run `dockrev backup restore {backup_id}` to restore again and start them"
            text = f"{error.message}; these containers stay stopped: {', '.join(stopped)}; {remedy}"
            return JobOutcome(JobStatus.FAILED, RestoreSummary(error=text))
        await report.end()
        documents = [RestoredTargetOut.of(target) for target in restored]
        return JobOutcome(JobStatus.SUCCESS, RestoreSummary(restored=documents))


class _RestoreReport:
    """Writes the log, progress and events of the job. Also decides until when the job can be cancelled."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        progress = context.job.progress
        self._resumes = progress is not None
        self._may_have_changed_data = progress is not None and progress["phase"] != RestoreStep.VERIFY

    async def begin(self) -> None:
        text = "restore starts again after an interruption" if self._resumes else "restore started"
        await self._context.log(text)

    async def step(self, step: RestoreStep, text: str) -> None:
        """Raises JobCancelled, but only before the first change. Later, the data would stay half restored."""
        context = self._context
        if not self._may_have_changed_data:
            if context.cancel_requested.is_set():
                raise JobCancelled
            context.progress(JobProgress(step.value, text, 0, 0))
            await context.flush()
            self._may_have_changed_data = step is not RestoreStep.VERIFY
        await context.log(text)
        await context.event(RestoreStepped(step=step, detail=text))

    def progress(self, data: DataProgress) -> None:
        done, total = data.bytes_done, data.bytes_total
        self._context.progress(JobProgress(RestoreStep.RESTORE.value, data.activity, done, total))

    async def end(self) -> None:
        self._context.progress(JobProgress("done", "restore finished", 1, 1))
        await self._context.log("restore finished: success")

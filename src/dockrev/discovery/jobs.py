"""Discovery jobs: scans that a user starts, with a log and progress."""

from pydantic import TypeAdapter

from dockrev.discovery.documents import (
    ActionDetails,
    DiscoveryAction,
    DiscoveryCounts,
    DiscoveryScan,
    DiscoverySummary,
)
from dockrev.discovery.models import Action, ActionKind, ScanResult
from dockrev.discovery.scanners import Scanners
from dockrev.ids import IdPrefix, new_id
from dockrev.jobs.context import JobContext
from dockrev.jobs.kinds import JobKind
from dockrev.jobs.models import (
    JobOutcome,
    JobProgress,
    JobStatus,
    JobTarget,
    Level,
    NewJob,
    Reason,
    Scope,
)
from dockrev.jobs.runner import JobRunner

JOB_TYPE = "discovery"
_DETAILS: TypeAdapter[ActionDetails] = TypeAdapter(ActionDetails)


class DiscoveryJobs:
    def __init__(self, runner: JobRunner, scanners: Scanners, max_actions: int) -> None:
        self._runner = runner
        self._scanners = scanners
        self._max_actions = max_actions
        runner.register(JobKind(JOB_TYPE, self._run, DiscoverySummary))

    async def start(self, created_by: str) -> str:
        """Returns the id of the new job."""
        job = NewJob(new_id(IdPrefix.DISCOVERY_JOB), JOB_TYPE, JobTarget(Scope.ALL), created_by, Reason.UI)
        await self._runner.submit(job)
        return job.id

    async def _run(self, context: JobContext) -> JobOutcome:
        context.progress(JobProgress("prepare", "asking the Docker engine", 0, 0))
        await context.log("discovery started")

        def report(done: int, total: int, project: str) -> None:
            message = f"reading projects ({done}/{total})"
            context.progress(JobProgress("scan", message, done, total, current_target=project))

        scans = await self._scanners.scan_all(report)
        result = scans.merged()
        for host_id, failure in scans.failures.items():
            await context.log(f"host {host_id} was not scanned: {failure.message}", Level.ERROR)
        for action in self._first_actions(result):
            if action.kind is not ActionKind.SKIPPED:
                await context.log(_line(action), _level(action))
        seen = result.projects_seen
        context.progress(JobProgress("done", "discovery finished", seen, seen))
        return JobOutcome(JobStatus.SUCCESS, DiscoverySummary(scan=self._document(result)))

    def _first_actions(self, result: ScanResult) -> tuple[Action, ...]:
        return result.actions[: self._max_actions]

    def _document(self, result: ScanResult) -> DiscoveryScan:
        counts = DiscoveryCounts(
            projects_seen=result.projects_seen,
            stacks_created=result.count(ActionKind.CREATED),
            stacks_updated=result.count(ActionKind.UPDATED),
            stacks_skipped=result.count(ActionKind.SKIPPED),
            stacks_failed=result.count(ActionKind.FAILED),
            stacks_marked_missing=result.count(ActionKind.MARKED_MISSING),
        )
        return DiscoveryScan(
            started_at=result.started_at,
            duration_ms=result.duration_ms,
            summary=counts,
            actions=[_action(action) for action in self._first_actions(result)],
        )


def _action(action: Action) -> DiscoveryAction:
    details = _DETAILS.validate_python(action.details) if action.details else None
    return DiscoveryAction(
        project=action.project,
        action=action.kind,
        stack_id=action.stack_id,
        reason=action.reason,
        details=details,
    )


def _line(action: Action) -> str:
    reason = f": {action.reason}" if action.reason else ""
    return f"{action.project} {action.kind.value.replace('_', ' ')}{reason}"


def _level(action: Action) -> Level:
    return Level.WARN if action.kind is ActionKind.FAILED else Level.INFO

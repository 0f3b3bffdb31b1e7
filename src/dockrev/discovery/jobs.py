"""Discovery jobs: scans that a user asked for, with a log and progress."""

from collections.abc import Mapping

from dockrev.clock import timestamp
from dockrev.discovery.models import Action, ActionKind, ScanResult
from dockrev.discovery.scanners import Scanners
from dockrev.errors import Json
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


class DiscoveryJobs:
    def __init__(self, runner: JobRunner, scanners: Scanners, max_actions: int) -> None:
        self._runner = runner
        self._scanners = scanners
        self._max_actions = max_actions
        runner.register(JobKind(JOB_TYPE, self._run))

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

        result = await self._scanners.scan_all(report)
        for action in self._shown(result):
            if action.kind is not ActionKind.SKIPPED:
                await context.log(_line(action), _level(action))
        seen = result.projects_seen
        context.progress(JobProgress("done", "discovery finished", seen, seen))
        return JobOutcome(JobStatus.SUCCESS, {"scan": self._summary(result)})

    def _shown(self, result: ScanResult) -> tuple[Action, ...]:
        return result.actions[: self._max_actions]

    def _summary(self, result: ScanResult) -> Mapping[str, Json]:
        return {
            "startedAt": timestamp(result.started_at),
            "durationMs": result.duration_ms,
            "summary": {
                "projectsSeen": result.projects_seen,
                "stacksCreated": result.count(ActionKind.CREATED),
                "stacksUpdated": result.count(ActionKind.UPDATED),
                "stacksSkipped": result.count(ActionKind.SKIPPED),
                "stacksFailed": result.count(ActionKind.FAILED),
                "stacksMarkedMissing": result.count(ActionKind.MARKED_MISSING),
            },
            "actions": [_action(action) for action in self._shown(result)],
        }


def _action(action: Action) -> Mapping[str, Json]:
    optional = {"stackId": action.stack_id, "reason": action.reason, "details": action.details or None}
    given = {key: value for key, value in optional.items() if value is not None}
    return {"project": action.project, "action": action.kind.value, **given}


def _line(action: Action) -> str:
    reason = f": {action.reason}" if action.reason else ""
    return f"{action.project} {action.kind.value.replace('_', ' ')}{reason}"


def _level(action: Action) -> Level:
    return Level.WARN if action.kind is ActionKind.FAILED else Level.INFO

"""Runs checks as jobs: for a user, for a schedule, or because a registry allows requests again."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta

from dockrev.clock import timestamp
from dockrev.discovery.scanners import Scanners
from dockrev.errors import Conflict
from dockrev.hosts.local import LOCAL
from dockrev.ids import IdPrefix, new_id
from dockrev.jobs.context import JobContext
from dockrev.jobs.kinds import JobKind
from dockrev.jobs.models import (
    Exclusive,
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
from dockrev.stacks.models import Service
from dockrev.stacks.scope import host_of, require_known, services_of
from dockrev.stacks.store import StackStore
from dockrev.update_checks.checker import Checker
from dockrev.update_checks.documents import (
    CheckDeferral,
    CheckFailure,
    CheckSummary,
    NewVersionFound,
    NewVersions,
)
from dockrev.update_checks.models import CheckReport, CheckStep, NewVersion, Unanswered
from dockrev.wording import counted

JOB_TYPE = "check"
_STALE_AFTER = timedelta(hours=2)


FindVersions = Callable[[Collection[str]], Awaitable[Mapping[str, tuple[str, str]]]]
"""Takes service ids. Returns the displayed version that runs and the one of the candidate, by service id.

It may take a few seconds.
"""


class CheckJobs:
    def __init__(
        self,
        runner: JobRunner,
        checker: Checker,
        stacks: StackStore,
        scanners: Scanners,
        find_versions: FindVersions,
    ) -> None:
        self._runner = runner
        self._checker = checker
        self._stacks = stacks
        self._scanners = scanners
        self._find_versions = find_versions
        runner.register(JobKind(JOB_TYPE, self._run, CheckSummary))

    async def start(self, target: JobTarget, created_by: str, reason: Reason) -> str:
        """Raises Conflict while the same check runs, InvalidArgument for an id that does not exist."""
        await require_known(self._stacks, target)
        host_id = await host_of(self._stacks, target) or LOCAL
        job = NewJob(new_id(IdPrefix.CHECK_JOB), JOB_TYPE, target, created_by, reason, host_id=host_id)
        await self._runner.submit(job, Exclusive(stale_after=_STALE_AFTER))
        return job.id

    async def start_scheduled(self) -> bool:
        """Returns False when a check of everything runs already."""
        try:
            await self.start(JobTarget(Scope.ALL), "schedule", Reason.SCHEDULE)
        except Conflict:
            return False
        return True

    async def _run(self, context: JobContext) -> JobOutcome:
        await context.log("check started")
        context.progress(JobProgress("prepare", "scanning the containers", 0, 0))
        host_id = await host_of(self._stacks, context.job.target)
        scans = await self._scanners.scan([host_id] if host_id else None)
        for failure in scans.failures.values():
            await context.log(
                f"the scan failed, so the check uses the last known containers: {failure.message}", Level.WARN
            )
        selected = await services_of(self._stacks, context.job.target)
        report = await self._checker.check(selected, _JobWatcher(context))
        versions = await self._find_versions([new.service.id for new in report.new_versions])
        await _log_report(context, report)
        return JobOutcome(JobStatus.SUCCESS, _summary(context.job.target, selected, report, versions))


class _JobWatcher:
    def __init__(self, context: JobContext) -> None:
        self._context = context

    def step(self, step: CheckStep) -> None:
        target = f"{step.target.stack_id}/{step.target.name}" if step.target else None
        message = f"checking services ({step.answered}/{step.total})"
        self._context.progress(
            JobProgress("scanning", message, step.answered, step.total, step.started, target)
        )

    async def pausing(self, until: datetime, services: int) -> None:
        waiting = counted(services, "service waits", "services wait")
        await self._context.log(
            f"{waiting}: the registry allows no more requests before {timestamp(until)}; "
            "the check continues then",
            Level.WARN,
        )


async def _log_report(context: JobContext, report: CheckReport) -> None:
    for failed in report.failed:
        service = failed.service
        await context.log(f"{service.name} ({service.image_ref}): {failed.error.message}", Level.WARN)
    for deferral in report.deferrals:
        await context.log(
            f"{counted(deferral.services, 'service')} of {deferral.registry} deferred: the registry allows "
            f"no more requests before {timestamp(deferral.until)}; a new check starts by itself after that",
            Level.WARN,
        )
    total = report.services
    context.progress(JobProgress("done", "check finished", total, total, planned_current=total))
    await context.log(
        f"check finished: servicesChecked={report.checked} servicesSkipped={report.skipped} "
        f"servicesWithCandidate={report.with_candidate} "
        f"servicesFailed={len(report.failed)} servicesDeferred={len(report.deferred)}"
    )


def _summary(
    target: JobTarget, selected: list[Service], report: CheckReport, versions: Mapping[str, tuple[str, str]]
) -> CheckSummary:
    new_versions = [_new_version(new, versions.get(new.service.id)) for new in report.new_versions]
    return CheckSummary(
        host_platform=", ".join(map(str, report.platforms)),
        scope=target.scope,
        stack_ids=sorted({service.stack_id for service in selected}),
        services_checked=report.checked,
        services_skipped=report.skipped,
        services_with_candidate=report.with_candidate,
        services_failed=len(report.failed),
        services_deferred=len(report.deferred),
        new_versions=NewVersions(count=len(new_versions), services=new_versions),
        failures=[_failure(failed) for failed in report.failed],
        deferrals=[
            CheckDeferral(registry=each.registry, until=each.until, services=each.services)
            for each in report.deferrals
        ],
    )


def _new_version(new: NewVersion, versions: tuple[str, str] | None) -> NewVersionFound:
    current, candidate = versions or (new.tag, new.candidate.tag)
    return NewVersionFound(
        stack_id=new.service.stack_id,
        service_id=new.service.id,
        service_name=new.service.name,
        image_ref=new.service.image_ref,
        current_tag=new.tag,
        current_digest=new.current,
        current_display_tag=current,
        candidate_tag=new.candidate.tag,
        candidate_display_tag=candidate,
        candidate_digest=new.candidate.digest,
    )


def _failure(failed: Unanswered) -> CheckFailure:
    return CheckFailure(
        stack_id=failed.service.stack_id,
        service_id=failed.service.id,
        service_name=failed.service.name,
        code=failed.error.code,
        message=failed.error.message,
    )

"""Runtime scan jobs, started by users or by a timer."""

from collections.abc import Collection, Mapping, Sequence

from dockrev.discovery.scanners import Scanners
from dockrev.errors import Conflict, UpstreamError
from dockrev.hosts.directory import HostDirectory
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
from dockrev.jobs.store import JobStore
from dockrev.runtime_scans.documents import (
    RunningVersion,
    RuntimeScanDrift,
    RuntimeScanFinished,
    RuntimeScanStarted,
    RuntimeScanSummary,
)
from dockrev.runtime_scans.drift import Drift, Seen, drifted, running_digest, seen_in
from dockrev.stacks.scope import host_of, require_known, services_of
from dockrev.stacks.store import StackStore
from dockrev.stacks.views import StackView, StackViews
from dockrev.update_checks.checker import Checker

JOB_TYPE = "runtime_scan"


class RuntimeScanJobs:
    """Compares the running images with those of the previous runtime scan.

    The job also reports a change that discovery has stored in the meantime. It asks the registries about
    changed services, because no check may have seen their new image yet.
    """

    def __init__(
        self,
        runner: JobRunner,
        jobs: JobStore,
        stacks: StackStore,
        views: StackViews,
        hosts: HostDirectory,
        scanners: Scanners,
        checker: Checker,
    ) -> None:
        self._runner = runner
        self._jobs = jobs
        self._stacks = stacks
        self._views = views
        self._hosts = hosts
        self._scanners = scanners
        self._checker = checker
        self._seen: dict[str, Seen] = {}
        runner.register(
            JobKind(
                JOB_TYPE,
                self._run,
                RuntimeScanSummary,
                (RuntimeScanStarted, RuntimeScanDrift, RuntimeScanFinished),
            )
        )

    async def remember(self) -> None:
        """Call it before the first scan. The next runtime scan compares with the state that is stored now."""
        self._seen.update(seen_in(await self._views.all()))

    async def start(self, target: JobTarget, created_by: str, reason: Reason) -> str:
        """Raises Conflict while a scan of the same target runs, InvalidArgument for an unknown id."""
        await require_known(self._stacks, target)
        host_id = await host_of(self._stacks, target) or LOCAL
        job = NewJob(new_id(IdPrefix.JOB), JOB_TYPE, target, created_by, reason, host_id=host_id)
        await self._runner.submit(job, Exclusive())
        return job.id

    async def start_scheduled(self) -> bool:
        """Returns False, and starts nothing, while any runtime scan runs."""
        if any(job.type == JOB_TYPE for job in await self._jobs.unfinished()):
            return False
        try:
            await self.start(JobTarget(Scope.ALL), "schedule", Reason.SCHEDULE)
        except Conflict:
            return False
        return True

    async def _run(self, context: JobContext) -> JobOutcome:
        target = context.job.target
        target_host = await host_of(self._stacks, target)
        host_ids = [target_host] if target_host else [host.id for host in self._hosts]
        platforms = [str(await self._hosts.platform(host_id)) for host_id in host_ids]
        host_platform = ", ".join(dict.fromkeys(platforms))
        await context.log("runtime scan started")
        await context.event(
            RuntimeScanStarted(
                scope=target.scope,
                stack_id=target.stack_id,
                service_id=target.service_id,
                reason=context.job.reason,
                host_platform=host_platform,
            )
        )
        try:
            summary = await self._scan(context, host_ids, host_platform)
        except UpstreamError as error:
            failed = RuntimeScanSummary(error=error.message)
            await context.event(RuntimeScanFinished(status="failed", summary=failed))
            raise
        await context.event(RuntimeScanFinished(summary=summary))
        return JobOutcome(JobStatus.SUCCESS, summary)

    async def _scan(
        self, context: JobContext, host_ids: Collection[str], host_platform: str
    ) -> RuntimeScanSummary:
        context.progress(JobProgress("prepare", "asking the Docker engine", 0, 0))
        scans = await self._scanners.scan(host_ids)
        scans.raise_if_all_failed()
        for host_id, failure in scans.failures.items():
            await context.log(f"the host {host_id} was not scanned: {failure.message}", Level.WARN)
        problems = scans.problems
        target_ids = {service.id for service in await services_of(self._stacks, context.job.target)}
        after = [stack for stack in await self._views.all() if _has_any(stack, target_ids)]
        drifts = [drift for drift in drifted(self._seen, after) if drift.service.id in target_ids]
        check_errors = await self._checker.refresh([drift.service for drift in drifts]) if drifts else ()
        self._seen.update({key: seen for key, seen in seen_in(after).items() if key in target_ids})
        await _report(context, after, drifts, problems, check_errors)
        return RuntimeScanSummary(
            host_platform=host_platform,
            scope=context.job.target.scope,
            stack_ids=sorted(stack.stack.id for stack in after),
            stacks_scanned=len(after),
            stacks_with_errors=sum(stack.stack.id in problems for stack in after),
            services_with_runtime_digest=_count_running(after, target_ids),
            services_drifted=len(drifts),
            services_updated=sum(drift.changed for drift in drifts),
        )


def _has_any(stack: StackView, service_ids: Collection[str]) -> bool:
    return any(view.service.id in service_ids for view in stack.services)


def _count_running(stacks: Sequence[StackView], service_ids: Collection[str]) -> int:
    views = (view for stack in stacks for view in stack.services if view.service.id in service_ids)
    return sum(running_digest(view) is not None for view in views)


async def _report(
    context: JobContext,
    stacks: Sequence[StackView],
    drifts: Sequence[Drift],
    problems: Mapping[str, str],
    check_errors: Sequence[str],
) -> None:
    """Logs the changes of each stack, and the totals."""
    for number, stack in enumerate(stacks, 1):
        if problem := problems.get(stack.stack.id):
            await context.log(f"{stack.stack.name}: {problem}", Level.WARN)
        for drift in drifts:
            if drift.service.stack_id == stack.stack.id:
                await _report_drift(context, drift)
        message = f"scanning stacks ({number}/{len(stacks)})"
        context.progress(JobProgress("scanning", message, number, len(stacks), current_target=stack.stack.id))
    for error in check_errors:
        await context.log(error, Level.WARN)
    updated = sum(drift.changed for drift in drifts)
    await context.log(
        f"runtime scan finished: stacksScanned={len(stacks)} servicesDrifted={len(drifts)} "
        f"servicesUpdated={updated}"
    )
    context.progress(JobProgress("done", "runtime scan finished", len(stacks), len(stacks)))


async def _report_drift(context: JobContext, drift: Drift) -> None:
    service, version = drift.service, drift.version
    await context.log(f"{service.name} runs {drift.now} now, before {drift.before or 'nothing known'}")
    await context.event(
        RuntimeScanDrift(
            stack_id=service.stack_id,
            service_id=service.id,
            service_name=service.name,
            image_ref=service.image_ref,
            raw_tag=drift.tag,
            runtime_digest=drift.now,
            db_digest_before=drift.before,
            updated=RunningVersion(
                current_digest=drift.now,
                resolved_tag=version.resolved_tag,
                resolved_tags=version.resolved_tags,
            ),
            changed=drift.changed,
            inference_ok=version.inference.ok,
        )
    )

"""Replaces the images of services of one project, or leaves them as they were.

A replacement first prepares all services, which changes nothing. Then it saves their data and changes one
service after the other, in dependency order. When a service fails, it rolls back together with the services
that share an image name or data with it. The journal makes this resumable: the same call continues where an
earlier process stopped.
"""

from collections.abc import Sequence

from dockrev.compose.models import ProjectView
from dockrev.errors import AppError, DockerError, JobCancelled, UpstreamError
from dockrev.projects.project import ComposeProject
from dockrev.replacement import facts, kept_image
from dockrev.replacement.context import ReplacementContext
from dockrev.replacement.order import dependency_order
from dockrev.replacement.outcome import BackupStep, ReplacementResult, ServiceOutcome, ServiceStatus
from dockrev.replacement.ports import StepEvent, StepStatus
from dockrev.replacement.restart import restart_dependents
from dockrev.replacement.rollback import roll_back
from dockrev.replacement.service_run import RollbackRequest, ServiceRun, StepFailed
from dockrev.replacement.steps import (
    BACKUP,
    CHANGING_STEPS,
    PREFLIGHT,
    PREPARING_STEPS,
    Preparation,
    has_begun,
    run_step,
)
from dockrev.replacement.waiting import or_cancelled, wait_for_engine

PROJECT = "project"
"""The journal subject of entries about all services together."""


async def replace(context: ReplacementContext) -> ReplacementResult:
    """Raises StorageError when the journal or an event cannot be stored; call it again later to resume.

    Raises UnreadableJournal when a newer release wrote the journal.
    """
    replacement = context.replacement
    preparation = Preparation(await _read_project(context))
    runs = await _load(context, preparation)
    context.tell.planned([run.change for run in runs])
    ready = await _prepare([run for run in runs if run.outcome is None], preparation, runs)
    if replacement.dry_run:
        _end_dry_run(ready)
        return _result(runs, None, context)
    backup = await _back_up(ready, context)
    if backup and backup.required_failed:
        reason = f"the backup that has to succeed first failed: {backup.summary.get('error')}"
        for run in ready:
            await run.end(ServiceStatus.FAILED, reason, BACKUP)
    else:
        await _change(ready, preparation)
        await roll_back(runs, backup)
        await _restart_dependents(runs, context)
    await _release_images(runs, context)
    return _result(runs, backup, context)


async def _read_project(context: ReplacementContext) -> ProjectView | AppError:
    try:
        return await ComposeProject(context.host, context.replacement.project).read()
    except AppError as error:
        return error


async def _load(context: ReplacementContext, preparation: Preparation) -> list[ServiceRun]:
    """The services in dependency order, each with its journal entries."""
    changes = {change.name: change for change in context.replacement.changes}
    names = list(changes)
    try:
        services = {one.name: one for one in preparation.view.config.services}
        names = dependency_order(changes, services)
    except AppError as error:
        if changes:
            await context.tell.line(f"{context.replacement.project}: {error.message}", warning=True)
    runs = [ServiceRun(changes[name], context) for name in names]
    told = await context.tell.ended_steps()
    for run in runs:
        await run.load(told)
    return runs


async def _prepare(
    runs: Sequence[ServiceRun], preparation: Preparation, all_runs: Sequence[ServiceRun]
) -> list[ServiceRun]:
    """Runs the preparing steps and returns the services that passed them.

    The first failure stops the preparation of the whole project. A dry run checks every service.
    """
    ready: list[ServiceRun] = []
    if _went_wrong(all_runs):
        return ready
    for run in runs:
        await _prepare_service(run, preparation)
        if run.outcome is None:
            ready.append(run)
        elif run.outcome.status.went_wrong and not run.context.replacement.dry_run:
            return []
    return ready


async def _prepare_service(run: ServiceRun, preparation: Preparation) -> None:
    if PREFLIGHT.name in run.entries:
        return
    try:
        for step in PREPARING_STEPS:
            await run_step(run, step, preparation)
            if not run.is_recorded:
                await run.end(ServiceStatus.SKIPPED, "it does not run, and an update starts nothing")
                return
    except StepFailed as failure:
        await run.tell_step(failure.step, StepStatus.FAILED, failure.reason)
        await run.end(
            ServiceStatus.FAILED,
            failure.reason,
            failure.step,
            cancelled=failure.cancelled,
            blockers=failure.blockers,
        )


def _end_dry_run(ready: Sequence[ServiceRun]) -> None:
    for run in ready:
        size = run.entries[PREFLIGHT.name].get("downloadBytes")
        run.outcome = ServiceOutcome(
            run.change.service_id,
            run.change.name,
            ServiceStatus.NOT_ATTEMPTED,
            "dry run",
            old_image=run.previous.image,
            bytes_to_download=size if isinstance(size, int) else None,
        )


async def _back_up(ready: Sequence[ServiceRun], context: ReplacementContext) -> BackupStep | None:
    entries = facts.understood(await context.journal.read(PROJECT))
    if entry := entries.get(BACKUP):
        backup = facts.decode(entry, BackupStep)
        if not any(ended.step == BACKUP for ended in await context.tell.ended_steps()):
            await _tell_backup(backup, context)
        return backup
    if not ready:
        return None
    started = "volumes and directories of what is updated"
    await context.tell.step(StepEvent(None, BACKUP, StepStatus.STARTED, started))
    saving = context.saver.save([run.change.service_id for run in ready])
    try:
        backup = await or_cancelled(context.cancelled, saving)
    except JobCancelled as error:
        await context.tell.step(StepEvent(None, BACKUP, StepStatus.FAILED, error.message, warning=True))
        return BackupStep(None, {"status": "failed", "error": error.message}, False, False)
    await context.journal.write(PROJECT, BACKUP, facts.numbered(facts.encode(backup)))
    await _tell_backup(backup, context)
    return backup


async def _tell_backup(backup: BackupStep, context: ReplacementContext) -> None:
    summary = backup.summary
    if error := summary.get("error"):
        event = StepEvent(None, BACKUP, StepStatus.FAILED, str(error), warning=not backup.required_failed)
    else:
        text = str(summary.get("reason") or summary.get("status"))
        event = StepEvent(None, BACKUP, StepStatus.DONE, text)
    await context.tell.step(event)


async def _change(ready: Sequence[ServiceRun], preparation: Preparation) -> None:
    """Changes the services one after the other until one fails. Does nothing after a rollback request."""
    if any(run.rollback for run in ready):
        return
    for run in ready:
        try:
            for step in CHANGING_STEPS:
                await run_step(run, step, preparation)
        except StepFailed as failure:
            await _fail(run, failure)
            return
        same = run.new_image == run.previous.image
        status = ServiceStatus.UNCHANGED if same else ServiceStatus.UPDATED
        await run.end(status, None, new_image=run.new_image)


async def _fail(run: ServiceRun, failure: StepFailed) -> None:
    await run.tell_step(failure.step, StepStatus.FAILED, failure.reason)
    cancelled = run.context.cancelled.is_set()
    if not has_begun(failure.step):
        await run.end(ServiceStatus.FAILED, failure.reason, failure.step, cancelled=failure.cancelled)
    elif run.change.auto_rollback or failure.cancelled:
        await run.request_rollback(RollbackRequest(failure.reason, failure.step, failure.cancelled))
    elif cancelled:
        reason = f"{failure.reason}; it rolls back because the job was cancelled"
        await run.request_rollback(RollbackRequest(reason, failure.step, cancelled=True))
    else:
        reason = f"{failure.reason}; automatic rollback is off for this service"
        await run.leave_as_is(failure.step, reason)


async def _restart_dependents(runs: Sequence[ServiceRun], context: ReplacementContext) -> None:
    try:
        recreated: set[str] = set()
        for run in runs:
            if run.is_recorded and await run.containers.replaced(run.previous):
                recreated |= {run.change.name, *run.previous.dependents}
        await restart_dependents(recreated, context)
    except UpstreamError as error:
        await context.tell.line(f"dependent services were not restarted: {error.message}", warning=True)


async def _release_images(runs: Sequence[ServiceRun], context: ReplacementContext) -> None:
    """Waits for the engine first, because a pin that is not removed here would stay forever."""
    try:
        await wait_for_engine(context.host.engine, context.policies.engine_seconds)
    except DockerError as error:
        await context.tell.line(f"tags that keep old images stay: {error.message}", warning=True)
        return
    for run in runs:
        if run.is_recorded:
            await _release_image(run)


async def _release_image(run: ServiceRun) -> None:
    images, outcome = run.context.host.images, run.outcome
    replacement_id, service_id = run.context.replacement.id, run.change.service_id
    try:
        if outcome and _left_changed(outcome):
            best = await kept_image.best_image(images, service_id, run.previous)
            await kept_image.keep(images, replacement_id, service_id, best)
        elif outcome and outcome.went_well:
            await kept_image.release(images, replacement_id, service_id)
        else:
            await kept_image.unpin(images, replacement_id, service_id)
    except DockerError as error:
        await run.context.tell.line(f"a tag that keeps the old image stays: {error.message}", warning=True)


def _left_changed(outcome: ServiceOutcome) -> bool:
    failed = outcome.status is ServiceStatus.FAILED
    return failed and has_begun(outcome.step) and outcome.new_image != outcome.old_image


def _went_wrong(runs: Sequence[ServiceRun]) -> bool:
    return any(run.outcome and run.outcome.status.went_wrong for run in runs)


def _result(
    runs: Sequence[ServiceRun], backup: BackupStep | None, context: ReplacementContext
) -> ReplacementResult:
    outcomes = {run.change.name: run.outcome for run in runs}
    services = tuple(
        outcomes.get(change.name) or _not_attempted(change.service_id, change.name)
        for change in context.replacement.changes
    )
    return ReplacementResult(services, backup)


def _not_attempted(service_id: str, name: str) -> ServiceOutcome:
    reason = "another service of the stack failed first"
    return ServiceOutcome(service_id, name, ServiceStatus.NOT_ATTEMPTED, reason)

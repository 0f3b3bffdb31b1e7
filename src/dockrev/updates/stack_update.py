"""Updates one stack: replaces its services, then pulls the further tags that the operator asked for."""

import asyncio

from dockrev.backups.models import BackupResult, BackupSkipReason
from dockrev.replacement.context import ReplacementContext
from dockrev.replacement.outcome import ReplacementResult
from dockrev.replacement.plan import Replacement
from dockrev.replacement.ports import Journal
from dockrev.replacement.replace import replace
from dockrev.replacement.waiting import ReplacementPolicies
from dockrev.updates.backup_step import StackBackup
from dockrev.updates.environment import UpdateEnvironment
from dockrev.updates.models import PulledTags, StackOutcome, StackPlan, UpdateMode, UpdatePlan
from dockrev.updates.pull_tags import pull_tags
from dockrev.updates.report import StackReport


async def update_stack(
    job_id: str,
    plan: UpdatePlan,
    stack: StackPlan,
    journal: Journal,
    environment: UpdateEnvironment,
    report: StackReport,
    cancelled: asyncio.Event,
) -> StackOutcome:
    """Raises StorageError; the same call resumes the update later."""
    dry_run = plan.mode is UpdateMode.DRY_RUN
    policies = await environment.policies()
    result = await replace(
        ReplacementContext(
            replacement=Replacement(job_id, stack.project, stack.services, dry_run, plan.allow_arch_mismatch),
            host=environment.host,
            registry=environment.images,
            journal=journal,
            tell=report,
            saver=StackBackup(environment, job_id, stack.stack_id, plan.backup_mode),
            policies=policies,
            clock=environment.clock,
            cancelled=cancelled,
        )
    )
    if dry_run:
        for service in stack.services:
            await report.settled(service)
    pulled = await _pull_tags(stack, result, policies, environment, report, cancelled)
    report.finished()
    return StackOutcome(
        stack,
        result.backup.summary if result.backup else _no_backup(stack, dry_run=dry_run).as_json(),
        result.services,
        pulled,
        blocked=result.backup is not None and result.backup.required_failed,
    )


async def _pull_tags(
    stack: StackPlan,
    result: ReplacementResult,
    policies: ReplacementPolicies,
    environment: UpdateEnvironment,
    report: StackReport,
    cancelled: asyncio.Event,
) -> PulledTags:
    """Pulls the further tags of the services that run the approved image.

    The journal does not record these pulls, so a resumed update repeats them.
    """
    well = {outcome.service_id for outcome in result.services if outcome.went_well}
    pulled = [
        await pull_tags(service, policies.registry, environment, cancelled, report.log)
        for service in stack.services
        if service.service_id in well
    ]
    return PulledTags(
        tuple(name for tags in pulled for name in tags.names),
        tuple(warning for tags in pulled for warning in tags.warnings),
    )


def _no_backup(stack: StackPlan, *, dry_run: bool) -> BackupResult:
    if dry_run:
        return BackupResult.skip(BackupSkipReason.DRY_RUN)
    all_left_alone = stack.skipped_downgrades and not stack.services
    return BackupResult.skip(
        BackupSkipReason.NO_SERVICES_LEFT if all_left_alone else BackupSkipReason.NO_SERVICES
    )

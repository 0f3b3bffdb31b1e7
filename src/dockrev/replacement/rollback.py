"""Rolls services back: restores the image name, the data and the containers of the previous state.

The rollback first decides the rollback group. It stops all services of the group before it restores data, and
it starts them only after all data is restored, because they may share data. Every part is safe to repeat.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from dockrev.errors import AppError, Conflict, StorageError
from dockrev.replacement import facts
from dockrev.replacement.outcome import BackupStep, ServiceStatus
from dockrev.replacement.ports import StepStatus
from dockrev.replacement.rollback_group import SharedState, Standing, rollback_group
from dockrev.replacement.service_run import RollbackRequest, ServiceRun
from dockrev.replacement.state import short_id
from dockrev.replacement.steps import ROLLBACK, has_begun, wait_for_service
from dockrev.replacement.waiting import retry_on_engine


@dataclass(frozen=True, slots=True)
class _Member:
    """A service of the rollback group.

    `untouched`: its previous containers still run. `backup_id`: the backup to restore; None: the data stays.
    """

    run: ServiceRun
    untouched: bool
    backup_id: str | None

    @property
    def moves_data(self) -> bool:
        return self.backup_id is not None and not self.untouched


async def roll_back(runs: Sequence[ServiceRun], backup: BackupStep | None) -> None:
    """Rolls back the services with a rollback request, and those that have to roll back with them.

    `runs` are in dependency order. Raises StorageError only.
    """
    backup_id = backup.id if backup and backup.restore_on_rollback else None
    requested = {run: await _member(run, backup_id) for run in runs if _is_open(run)}
    await _request_for_group(runs, requested, backup_id)
    members = [requested.get(run) or await _member(run, backup_id) for run in runs if _is_open(run)]
    for member in members:
        if ROLLBACK not in member.run.entries:
            await member.run.tell_step(ROLLBACK, StepStatus.STARTED, _cause(member.run))
    for part in (_stop, _restore, _start):
        for member in members:
            if member.run.outcome is None:
                await _do(part, member)


def _is_open(run: ServiceRun) -> bool:
    return run.rollback is not None and run.outcome is None


async def _member(run: ServiceRun, backup_id: str | None) -> _Member:
    context = run.context
    try:
        untouched = await retry_on_engine(
            context.policies, context.host.engine, partial(run.containers.untouched, run.previous)
        )
    except AppError:
        untouched = False  # the following stop fails with the real reason
    return _Member(run, untouched, backup_id)


async def _request_for_group(
    runs: Sequence[ServiceRun], requested: dict[ServiceRun, _Member], backup_id: str | None
) -> None:
    states = []
    for run in runs:
        member = requested.get(run)
        moves_data = member.moves_data if member else backup_id is not None
        states.append(_shared_state(run, moves_data=moves_data))
    group = rollback_group(states)
    for run in runs:
        if why := group.left_ahead.get(run.change.name):
            project = run.context.replacement.project
            await run.context.tell.line(f"{project}/{run.change.name} {why}", warning=True)
        if why := group.joining.get(run.change.name):
            await run.request_rollback(RollbackRequest(why))


def _shared_state(run: ServiceRun, *, moves_data: bool) -> SharedState:
    outcome = run.outcome
    failed = outcome is not None and outcome.status is ServiceStatus.FAILED
    if outcome is None:
        standing = Standing.ROLLING_BACK if run.rollback else Standing.UNTOUCHED
    elif failed and not has_begun(outcome.step):
        standing = Standing.UNTOUCHED
    else:
        standing = Standing.UPDATED if outcome.status is ServiceStatus.UPDATED else Standing.OTHER
    return SharedState(
        run.change.name,
        str(run.change.ref),
        standing,
        run.previous.data if moves_data and run.is_recorded else (),
        stays_failed=bool(failed and outcome and not outcome.cancelled and not run.change.auto_rollback),
    )


def _cause(run: ServiceRun) -> str:
    request = _request(run)
    return f"because of {request.step}: {request.reason}" if request.step else f"because {request.reason}"


def _request(run: ServiceRun) -> RollbackRequest:
    return run.rollback or RollbackRequest("")


async def _do(part: Callable[[_Member], Awaitable[None]], member: _Member) -> None:
    run, context = member.run, member.run.context
    try:
        await retry_on_engine(context.policies, context.host.engine, partial(part, member))
    except StorageError:
        raise
    except AppError as error:
        await run.tell_step(ROLLBACK, StepStatus.FAILED, error.message)
        reason = f"{_request(run).reason}; the rollback failed too: {error.message}"
        if part is _restore:
            command = f"dockrev backup restore {member.backup_id}"
            reason += f" Its data was not restored. Before anything else, run: {command}"
        await run.leave_as_is(ROLLBACK, reason, cancelled=_request(run).cancelled)


async def _stop(member: _Member) -> None:
    if ROLLBACK in member.run.entries:
        return
    await _tag_old_image(member.run)
    if member.moves_data and facts.RESTORED not in member.run.entries:
        await member.run.containers.stop(member.run.previous)


async def _tag_old_image(run: ServiceRun) -> None:
    ref = run.change.ref
    await run.context.host.images.tag(run.previous.image, ref.repository, ref.tag or "")


async def _restore(member: _Member) -> None:
    """Restores the data once. A repeated rollback must not overwrite what the old image wrote meanwhile."""
    run = member.run
    if member.backup_id is None or member.untouched or not {facts.RESTORED, ROLLBACK}.isdisjoint(run.entries):
        return
    text = await run.context.saver.restore(member.backup_id, run.previous.data)
    await run.write(facts.RESTORED, {"text": f", {text}"})


async def _start(member: _Member) -> None:
    run = member.run
    if ROLLBACK not in run.entries:
        text = await (_require_untouched(run) if member.untouched else _start_previous(run))
        await run.context.tell.replaced(run.change)
        await run.write(ROLLBACK, {"text": f"{text}{run.namesakes}"})
        await run.tell_step(ROLLBACK, StepStatus.DONE, f"{text}{run.namesakes}")
    request = _request(run)
    await run.end(
        ServiceStatus.ROLLED_BACK,
        request.reason,
        request.step,
        run.previous.image,
        cancelled=request.cancelled,
    )


async def _require_untouched(run: ServiceRun) -> str:
    """Raises Conflict when the containers were stopped meanwhile, for example to restore shared data."""
    if not await run.containers.untouched(run.previous):
        raise Conflict("the update had not changed its containers, but they no longer run")
    return f"the update had not changed it; image {short_id(run.previous.image)} kept running"


async def _start_previous(run: ServiceRun) -> str:
    previous = run.previous
    await _tag_old_image(run)  # another service of the group may have tagged another image with this name
    await run.containers.up(previous)
    health = await wait_for_service(
        run, previous.image, await _images_of_dependents(run), must_be_healthy=previous.healthy
    )
    restored = run.entries.get(facts.RESTORED, {}).get("text", "")
    return f"the old image {short_id(previous.image)} runs again ({health}){restored}{await _remarks(run)}"


async def _images_of_dependents(run: ServiceRun) -> dict[str, str]:
    """The image that each dependent's name now has here, because a dependent may have been updated itself."""
    images = run.context.host.images
    return {
        name: await images.find_id(dependent.image_ref) or dependent.image
        for name, dependent in run.previous.dependents.items()
    }


async def _remarks(run: ServiceRun) -> str:
    """Says what differs from before. The rollback uses the compose file as it is, even if it was edited."""
    if await run.containers.files_changed(run.previous):
        return ", with the settings of the compose file as it is now"
    lost = await run.containers.differences(run.previous)
    return f", but not as before: {'; '.join(map(str, lost))}" if lost else ""

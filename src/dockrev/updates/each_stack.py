"""Updates the stacks of a job at the same time. An error of one stack does not stop the others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from dockrev.backups.models import BackupResult, BackupStatus
from dockrev.errors import AppError, StorageError
from dockrev.replacement.outcome import ServiceOutcome, ServiceStatus
from dockrev.updates.models import StackOutcome, StackPlan

log = structlog.get_logger()

_LEFT = "the update of the stack stopped there, and its services were left as they are: look at them"
_BACKUP_UNKNOWN = "the update stopped before it could report; the list of backups shows whether one was made"


async def update_each_stack(
    stacks: Sequence[StackPlan],
    update: Callable[[StackPlan], Awaitable[StackOutcome]],
    tell: Callable[[str], Awaitable[None]],
) -> list[StackOutcome]:
    """Returns the outcomes of all stacks once each has ended. `tell` gets a line for each broken stack.

    Raises StorageError, also only once each stack has ended; the same call resumes the update later.
    """

    async def outcome_of(stack: StackPlan) -> StackOutcome:
        try:
            return await update(stack)
        except StorageError:
            raise
        except AppError as error:
            cause = error.message
        except Exception as error:
            log.exception("Update of a stack failed unexpectedly", action="update.stack_crashed")
            cause = f"internal error: {type(error).__name__} (details are in the server's log)"
        await tell(f"{stack.project}: {cause}; {_LEFT}")
        return _broken(stack, f"{cause}; {_LEFT}")

    ended = await asyncio.gather(*(outcome_of(stack) for stack in stacks), return_exceptions=True)
    outcomes = []
    for end in ended:
        if isinstance(end, BaseException):
            raise end
        outcomes.append(end)
    return outcomes


def _broken(stack: StackPlan, reason: str) -> StackOutcome:
    services = tuple(
        ServiceOutcome(service.service_id, service.name, ServiceStatus.FAILED, reason)
        for service in stack.services
    )
    backup = BackupResult(BackupStatus.FAILED, error=_BACKUP_UNKNOWN)
    return StackOutcome(stack, backup.as_json(), services, broken=True)

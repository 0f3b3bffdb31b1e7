"""Finds the stacks and services that a job's target names."""

from collections.abc import Awaitable, Callable

from dockrev.errors import InvalidArgument, NotFound
from dockrev.jobs.models import JobTarget, Scope
from dockrev.stacks.models import Service
from dockrev.stacks.store import StackStore


async def require_known(stacks: StackStore, target: JobTarget) -> None:
    """Raises InvalidArgument with the field whose id does not exist."""
    if target.stack_id:
        await _require("stackId", target.stack_id, stacks.get)
    if target.service_id:
        await _require("serviceId", target.service_id, stacks.service)


async def _require(field: str, value: str, find: Callable[[str], Awaitable[object]]) -> None:
    try:
        await find(value)
    except NotFound as error:
        raise InvalidArgument(f"{field}: {error.message}", {"field": field, "value": value}) from error


async def host_of(stacks: StackStore, target: JobTarget) -> str | None:
    """The id of the target's host. None: all hosts. Raises NotFound when the stack or service is gone."""
    if target.scope is Scope.ALL:
        return None
    if target.scope is Scope.STACK:
        return (await stacks.get(target.stack_id or "")).host_id
    return (await stacks.service(target.service_id or "")).host_id


async def services_of(stacks: StackStore, target: JobTarget) -> list[Service]:
    """The services of the target. Raises NotFound when the stack or service is gone."""
    if target.scope is Scope.ALL:
        return [service for stack in await stacks.all() for service in stack.services]
    if target.scope is Scope.STACK:
        return list((await stacks.get(target.stack_id or "")).services)
    return [await stacks.service(target.service_id or "")]

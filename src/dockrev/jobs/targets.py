"""The scope rule of all routes that start a job about stacks and services."""

from dockrev.errors import InvalidArgument
from dockrev.jobs.models import JobTarget, Scope


def require_target(scope: Scope, stack_id: str | None, service_id: str | None) -> JobTarget:
    """`all` needs no id, `stack` and `service` need theirs. Raises InvalidArgument naming the field."""
    required = {Scope.STACK: ("stackId", stack_id), Scope.SERVICE: ("serviceId", service_id)}
    if scope in required:
        field, value = required[scope]
        if not (value or "").strip():
            raise InvalidArgument(f"{field} is required for scope={scope}", {"field": field})
    return JobTarget(scope, (stack_id or "").strip() or None, (service_id or "").strip() or None)

"""Turns a request into a plan: which services it covers, and whether each approved target is still valid.

The checks run in the order of the API's contract. The first fault is reported.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dockrev.blockers import Blocker
from dockrev.errors import Conflict, InvalidArgument, Json
from dockrev.jobs.models import Reason, Scope
from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef
from dockrev.stacks.updatable import NOT_RUNNING, PLATFORM_MISMATCH, refusals
from dockrev.stacks.update_state import ArchMatch
from dockrev.stacks.views import ServiceView, StackView
from dockrev.stacks.wire import blocker_out
from dockrev.updates.documents import StaleDigest, UpdateRefusal
from dockrev.updates.models import ApprovedTarget, ServicePlan, StackPlan, UpdatePlan, UpdateRequest
from dockrev.versions.tags import is_strict_semver, parse_version

_ImageOfHost = tuple[str, str]
"""The id of a host and an image name."""


@dataclass(frozen=True, slots=True)
class _User:
    service_id: str
    name: str


def plan_update(request: UpdateRequest, stacks: Sequence[StackView]) -> UpdatePlan:
    """Raises InvalidArgument for a request that does not fit the stacks, Conflict for an outdated one."""
    views = {view.service.id: view for stack in stacks for view in stack.services}
    _require_existing(request, stacks, views)
    if request.target.scope is not Scope.SERVICE and not request.partial:
        _require_exact(request, _actionable(request, stacks), _stopped(request, views.values()))
    for target in sorted(request.approved, key=lambda target: target.service_id):
        _require_valid(target, views[target.service_id], request)
    downgrades = _downgrades(request, views)
    approved = {
        target.service_id: target for target in request.approved if target.service_id not in downgrades
    }
    users = _users(stacks)
    planned = [_stack_plan(stack, approved, downgrades, users) for stack in stacks]
    requested = request.target.stack_id if request.target.scope is Scope.STACK else None
    return UpdatePlan(
        mode=request.mode,
        allow_arch_mismatch=request.allow_arch_mismatch,
        backup_mode=request.backup_mode,
        stacks=tuple(
            stack
            for stack in planned
            if stack.services or stack.skipped_downgrades or stack.stack_id == requested
        ),
    )


def _downgrades(request: UpdateRequest, views: Mapping[str, ServiceView]) -> dict[str, Mapping[str, Json]]:
    """The services to skip, by id. An automatic update skips a lower version; an operator may approve it."""
    if request.reason is Reason.UI:
        return {}
    approved = (views[target.service_id] for target in request.approved)
    return {view.service.id: downgrade for view in approved if (downgrade := _downgrade(view))}


def _downgrade(view: ServiceView) -> Mapping[str, Json] | None:
    current = view.version.of_current(view.state.tag)
    candidate = view.version.of_candidate(view.state.tag)
    if not (is_strict_semver(current) and is_strict_semver(candidate)):
        return None
    now, then = parse_version(current), parse_version(candidate)
    if now is None or then is None or not now.comparable(then) or not then < now:
        return None
    return {
        "serviceId": view.service.id,
        "serviceName": view.service.name,
        "current": current,
        "candidate": candidate,
        "reason": "semver_downgrade",
    }


def _require_existing(
    request: UpdateRequest, stacks: Sequence[StackView], views: Mapping[str, ServiceView]
) -> None:
    target = request.target
    if target.stack_id is not None and target.stack_id not in {stack.stack.id for stack in stacks}:
        raise InvalidArgument("stackId: stack not found", {"field": "stackId", "value": target.stack_id})
    if target.service_id is not None and target.service_id not in views:
        raise InvalidArgument(
            "serviceId: service not found", {"field": "serviceId", "value": target.service_id}
        )


def _actionable(request: UpdateRequest, stacks: Iterable[StackView]) -> set[str]:
    target = request.target
    return {
        view.service.id
        for stack in stacks
        if target.scope is Scope.ALL or target.stack_id == stack.stack.id
        for view in stack.services
        if view.state.candidate and not _refusals(view, request, by_name=False)
    }


def _refusals(view: ServiceView, request: UpdateRequest, *, by_name: bool) -> tuple[Blocker, ...]:
    return refusals(view.blockers, by_name=by_name, allow_arch_mismatch=request.allow_arch_mismatch)


def _stopped(request: UpdateRequest, views: Iterable[ServiceView]) -> set[str]:
    """The services that could be updated if they ran. A request may name them: the job skips them."""
    return {
        view.service.id
        for view in views
        if view.state.candidate
        and {blocker.code for blocker in _refusals(view, request, by_name=False)} == {NOT_RUNNING}
    }


def _require_exact(request: UpdateRequest, actionable: set[str], optional: set[str]) -> None:
    approved = {target.service_id for target in request.approved}
    missing, extra = actionable - approved, approved - actionable - optional
    if missing or extra:
        raise InvalidArgument(
            "targets differ from the services that can be updated; look at the stacks again",
            UpdateRefusal(
                missing_service_ids=sorted(missing),
                extra_service_ids=sorted(extra),
            ).document(),
        )


def _require_valid(target: ApprovedTarget, view: ServiceView, request: UpdateRequest) -> None:
    """A service that the request names may be archived or ignored: the operator has decided."""
    service, state = view.service, view.state
    blockers = _refusals(view, request, by_name=True)
    first = blockers[0].code if blockers else None
    if first not in (None, PLATFORM_MISMATCH):
        raise _refused(view, blockers)
    if target.tag != state.tag:
        raise InvalidArgument(
            f"{service.name} is on tag {state.tag}, and an update keeps the tag",
            UpdateRefusal(service_id=service.id, expected_tag=state.tag, got_tag=target.tag).document(),
        )
    candidate = state.candidate
    if candidate is None or candidate.digest != target.digest:
        raise Conflict(
            f"the tag of {service.name} does not name the approved image any more; check again",
            StaleDigest(
                service_id=service.id,
                expected_digest=candidate.digest if candidate else None,
                got_digest=target.digest,
            ).document(),
        )
    if blockers:
        raise _refused(view, blockers)


def _refused(view: ServiceView, blockers: Sequence[Blocker]) -> InvalidArgument:
    """The message and the reason are those of the first blocker; the details list all of them."""
    first = blockers[0]
    remedy = f" {first.remedy}" if first.remedy else ""
    message = f"{view.service.name} cannot be updated: {first.text}.{remedy}"
    mismatch = first.code == PLATFORM_MISMATCH
    details = UpdateRefusal(
        service_id=view.service.id,
        reason=None if mismatch else first.code,
        arch_match=ArchMatch.MISMATCH if mismatch else None,
        blockers=[blocker_out(blocker) for blocker in blockers],
    )
    return InvalidArgument(message, details.document())


def _stack_plan(
    stack: StackView,
    approved: Mapping[str, ApprovedTarget],
    downgrades: Mapping[str, Mapping[str, Json]],
    users: Mapping[_ImageOfHost, Sequence[_User]],
) -> StackPlan:
    updated = [view for view in stack.services if view.service.id in approved]
    updated_ids = {view.service.id for view in updated}
    services = tuple(
        ServicePlan(
            service_id=view.service.id,
            name=view.service.name,
            image_ref=view.service.image_ref or "",
            digest=Digest.parse(approved[view.service.id].digest),
            pull_tags=approved[view.service.id].pull_tags,
            auto_rollback=view.service.settings.auto_rollback,
            config_digest=view.service.config_digest,
            namesakes=tuple(
                user.name for user in users[_image_of_host(view)] if user.service_id not in updated_ids
            ),
        )
        for view in updated
    )
    skipped = tuple(downgrades[view.service.id] for view in stack.services if view.service.id in downgrades)
    return StackPlan(stack.stack.id, stack.stack.name, services, skipped, stack.stack.host_id)


def _image_of_host(view: ServiceView) -> _ImageOfHost:
    """Each host has its own image names. `nginx` and `docker.io/library/nginx:latest` are the same name."""
    try:
        name = str(ImageRef.parse(view.service.image_ref or ""))
    except InvalidArgument:
        name = ""
    return view.service.host_id, name


def _users(stacks: Iterable[StackView]) -> Mapping[_ImageOfHost, Sequence[_User]]:
    """The running services that use each image name of each host."""
    users: dict[_ImageOfHost, list[_User]] = {}
    for stack in stacks:
        for view in stack.services:
            if view.service.runtime.total:
                user = _User(view.service.id, f"{stack.stack.name}/{view.service.name}")
                users.setdefault(_image_of_host(view), []).append(user)
    return users

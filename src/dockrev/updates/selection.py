"""Which services an update of a stack or of everything means, and whether the approved targets still hold.

Checked in the order of the API's contract; the first fault is reported.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dockrev.blockers import Blocker
from dockrev.errors import Conflict, InvalidArgument, Json
from dockrev.jobs.models import Reason, Scope
from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef
from dockrev.stacks.updatable import OWN_SERVICE, PLATFORM_MISMATCH, refusals
from dockrev.stacks.update_state import ArchMatch
from dockrev.stacks.views import ServiceView, StackView
from dockrev.stacks.wire import blocker_out
from dockrev.updates.documents import StaleDigest, UpdateRefusal
from dockrev.updates.models import ApprovedTarget, ServicePlan, StackPlan, UpdatePlan, UpdateRequest
from dockrev.versions.tags import is_strict_semver, parse_version


@dataclass(frozen=True, slots=True)
class _User:
    service_id: str
    name: str


def plan_update(request: UpdateRequest, stacks: Sequence[StackView]) -> UpdatePlan:
    """Raises InvalidArgument for a request that does not fit, Conflict for one that is out of date."""
    known = {one.service.id: one for stack in stacks for one in stack.services}
    _require_known(request, stacks, known)
    if request.target.scope is not Scope.SERVICE and not request.partial:
        _require_exact(request, _actionable(request, stacks))
    for target in sorted(request.approved, key=lambda target: target.service_id):
        _require_valid(target, known[target.service_id], request)
    downgrades = _downgrades(request, known)
    approved = {
        target.service_id: target for target in request.approved if target.service_id not in downgrades
    }
    users = _users(stacks)
    planned = [_stack_plan(stack, approved, downgrades, users) for stack in stacks]
    asked = request.target.stack_id if request.target.scope is Scope.STACK else None
    return UpdatePlan(
        mode=request.mode,
        allow_arch_mismatch=request.allow_arch_mismatch,
        backup_mode=request.backup_mode,
        stacks=tuple(
            stack
            for stack in planned
            if stack.services or stack.skipped_downgrades or stack.stack_id == asked
        ),
    )


def _downgrades(request: UpdateRequest, known: Mapping[str, ServiceView]) -> dict[str, Mapping[str, Json]]:
    """When no person looked at the request, a version below the running one is left alone, and reported."""
    if request.reason is Reason.UI:
        return {}
    asked = (known[target.service_id] for target in request.approved)
    return {one.service.id: told for one in asked if (told := _downgrade(one))}


def _downgrade(one: ServiceView) -> Mapping[str, Json] | None:
    current = one.version.of_current(one.state.tag)
    candidate = one.version.of_candidate(one.state.tag)
    if not (is_strict_semver(current) and is_strict_semver(candidate)):
        return None
    now, then = parse_version(current), parse_version(candidate)
    if now is None or then is None or not now.comparable(then) or not then < now:
        return None
    return {
        "serviceId": one.service.id,
        "serviceName": one.service.name,
        "current": current,
        "candidate": candidate,
        "reason": "semver_downgrade",
    }


def _require_known(
    request: UpdateRequest, stacks: Sequence[StackView], known: Mapping[str, ServiceView]
) -> None:
    target = request.target
    if target.stack_id is not None and target.stack_id not in {one.stack.id for one in stacks}:
        raise InvalidArgument("stackId: stack not found", {"field": "stackId", "value": target.stack_id})
    if target.service_id is not None and target.service_id not in known:
        raise InvalidArgument(
            "serviceId: service not found", {"field": "serviceId", "value": target.service_id}
        )


def _actionable(request: UpdateRequest, stacks: Iterable[StackView]) -> set[str]:
    target = request.target
    return {
        one.service.id
        for stack in stacks
        if target.scope is Scope.ALL or target.stack_id == stack.stack.id
        for one in stack.services
        if one.state.candidate and not _refusals(one, request, by_name=False)
    }


def _refusals(one: ServiceView, request: UpdateRequest, *, by_name: bool) -> tuple[Blocker, ...]:
    return refusals(one.blockers, by_name=by_name, allow_arch_mismatch=request.allow_arch_mismatch)


def _require_exact(request: UpdateRequest, actionable: set[str]) -> None:
    given = {target.service_id for target in request.approved}
    if given != actionable:
        raise InvalidArgument(
            "targets differ from the services that can be updated; look at the stacks again",
            UpdateRefusal(
                missing_service_ids=sorted(actionable - given), extra_service_ids=sorted(given - actionable)
            ).document(),
        )


def _require_valid(target: ApprovedTarget, one: ServiceView, request: UpdateRequest) -> None:
    """A service that is named in the request may be archived or ignored: the operator has decided."""
    service, state = one.service, one.state
    forbidding = {blocker.code: blocker for blocker in _refusals(one, request, by_name=True)}
    mismatch = forbidding.pop(PLATFORM_MISMATCH, None)
    if OWN_SERVICE in forbidding:
        raise _refused(one, forbidding[OWN_SERVICE])
    if target.tag != state.tag:
        raise InvalidArgument(
            f"{service.name} is on tag {state.tag}, and an update keeps the tag",
            UpdateRefusal(service_id=service.id, expected_tag=state.tag, got_tag=target.tag).document(),
        )
    for blocker in forbidding.values():
        raise _refused(one, blocker)
    candidate = state.candidate
    if candidate is None or candidate.digest != target.digest:
        raise Conflict(
            f"what {service.name} was approved for is not what its tag names now; check again",
            StaleDigest(
                service_id=service.id,
                expected_digest=candidate.digest if candidate else None,
                got_digest=target.digest,
            ).document(),
        )
    if mismatch:
        raise _refused(one, mismatch)


def _refused(one: ServiceView, blocker: Blocker) -> InvalidArgument:
    remedy = f" {blocker.remedy}" if blocker.remedy else ""
    message = f"{one.service.name} cannot be updated: {blocker.text}.{remedy}"
    mismatch = blocker.code == PLATFORM_MISMATCH
    details = UpdateRefusal(
        service_id=one.service.id,
        reason=None if mismatch else blocker.code,
        arch_match=ArchMatch.MISMATCH if mismatch else None,
        blockers=[blocker_out(blocker)],
    )
    return InvalidArgument(message, details.document())


def _stack_plan(
    stack: StackView,
    approved: Mapping[str, ApprovedTarget],
    downgrades: Mapping[str, Mapping[str, Json]],
    users: Mapping[str, Sequence[_User]],
) -> StackPlan:
    updated = [one for one in stack.services if one.service.id in approved]
    together = {one.service.id for one in updated}
    services = tuple(
        ServicePlan(
            service_id=one.service.id,
            name=one.service.name,
            image_ref=one.service.image_ref or "",
            digest=Digest.parse(approved[one.service.id].digest),
            pull_tags=approved[one.service.id].pull_tags,
            auto_rollback=one.service.settings.auto_rollback,
            config_digest=one.service.config_digest,
            namesakes=tuple(user.name for user in users[_image_name(one)] if user.service_id not in together),
        )
        for one in updated
    )
    skipped = tuple(downgrades[one.service.id] for one in stack.services if one.service.id in downgrades)
    return StackPlan(stack.stack.id, stack.stack.name, services, skipped, stack.stack.host_id)


def _image_name(one: ServiceView) -> str:
    """`nginx` and `docker.io/library/nginx:latest` are the same name."""
    try:
        return str(ImageRef.parse(one.service.image_ref or ""))
    except InvalidArgument:
        return ""


def _users(stacks: Iterable[StackView]) -> Mapping[str, Sequence[_User]]:
    """The running services of each image name."""
    users: dict[str, list[_User]] = {}
    for stack in stacks:
        for one in stack.services:
            if one.service.runtime.total:
                user = _User(one.service.id, f"{stack.stack.name}/{one.service.name}")
                users.setdefault(_image_name(one), []).append(user)
    return users

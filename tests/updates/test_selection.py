from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from dockrev.docker.self_service import OwnService
from dockrev.errors import AppError, Conflict, InvalidArgument
from dockrev.hosts.local import LOCAL
from dockrev.ignores.models import IgnoreRule, MatchKind
from dockrev.images.models import ImageFacts, TagState
from dockrev.jobs.models import BackupMode, JobTarget, Reason, Scope
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child
from dockrev.stacks.models import Runtime, Service, Stack
from dockrev.stacks.update_state import RegistryFacts
from dockrev.stacks.views import StackView
from dockrev.updates.models import ApprovedTarget, UpdateMode, UpdatePlan, UpdateRequest
from dockrev.updates.request import UpdateIn, parse_request
from dockrev.updates.selection import plan_update
from dockrev.versions.models import DigestSnapshot
from tests.stacks.building import (
    AMD64,
    ARM64,
    NEW,
    NOON,
    OLD,
    OWN_IMAGE,
    WEB,
    context,
    running,
    service,
    snapshot,
    stack,
    stopped,
    views_of,
)

BEHIND = service(name="web", runtime=running(OLD))
CURRENT = service(name="db", runtime=running(NEW))
FOREIGN = "docker.io/library/foreign"


def host(
    *services: Service,
    archived: bool = False,
    snapshots: Sequence[DigestSnapshot] = (),
    rules: Sequence[IgnoreRule] = (),
    own: OwnService | None = OwnService(OWN_IMAGE),  # noqa: B008 -- frozen
) -> list[StackView]:
    """A host on which `web` has a candidate, and `foreign` has one for another platform only."""
    facts = {
        NEW: ImageFacts(NEW, (Child(AMD64, Digest("sha256:amd")),)),
        OLD: ImageFacts(OLD, (Child(ARM64, Digest("sha256:arm")),)),
    }
    tags = {
        (WEB, "latest"): TagState(WEB, "latest", NEW, NOON),
        (FOREIGN, "latest"): TagState(FOREIGN, "latest", OLD, NOON),
    }
    return views_of(
        [stack(*services, archived=archived)],
        context(RegistryFacts(tags, facts), *snapshots, rules=rules, own=own),
    )


def approve(of: Service, digest: str = NEW, tag: str = "latest") -> ApprovedTarget:
    return ApprovedTarget(of.id, tag, digest)


def request(
    *approved: ApprovedTarget, scope: Scope = Scope.ALL, allow_arch_mismatch: bool = False
) -> UpdateRequest:
    stack_id = "stk_blog" if scope is Scope.STACK else None
    service_id = approved[0].service_id if scope is Scope.SERVICE else None
    target = JobTarget(scope, stack_id, service_id)
    return UpdateRequest(
        target, approved, UpdateMode.APPLY, allow_arch_mismatch, BackupMode.INHERIT, Reason.UI
    )


def plan(of: UpdateRequest, stacks: list[StackView]) -> UpdatePlan:
    return plan_update(of, stacks)


def refusal(of: UpdateRequest, stacks: list[StackView]) -> AppError:
    with pytest.raises((InvalidArgument, Conflict)) as refused:
        plan(of, stacks)
    return refused.value


def details(of: UpdateRequest, stacks: list[StackView]) -> Mapping[str, Any]:
    return refusal(of, stacks).details


def test_the_plan_holds_only_the_approved_services() -> None:
    planned = plan(request(approve(BEHIND), scope=Scope.SERVICE), host(BEHIND, CURRENT))
    [blog] = planned.stacks
    assert [(one.name, one.image_ref, one.digest) for one in blog.services] == [("web", "web", NEW)]
    assert planned.service_ids == (BEHIND.id,)


def test_a_stack_and_all_cover_exactly_the_updatable_services() -> None:
    for scope in (Scope.STACK, Scope.ALL):
        assert plan(request(approve(BEHIND), scope=scope), host(BEHIND, CURRENT)).service_ids == (BEHIND.id,)


@pytest.mark.parametrize(
    ("approved", "missing", "extra"),
    [
        ((), [BEHIND.id], []),
        ((approve(BEHIND), approve(CURRENT)), [], [CURRENT.id]),
        ((ApprovedTarget("svc_unknown", "latest", NEW),), [BEHIND.id], ["svc_unknown"]),
    ],
)
def test_targets_that_differ_from_the_updatable_services_are_refused(
    approved: tuple[ApprovedTarget, ...], missing: list[str], extra: list[str]
) -> None:
    answer = details(request(*approved), host(BEHIND, CURRENT))
    assert answer == {"missingServiceIds": missing, "extraServiceIds": extra}


@pytest.mark.parametrize(
    "left_out",
    [
        replace(BEHIND, archived=True),
        replace(BEHIND, removed=True),
        replace(BEHIND, watched=False),
        replace(BEHIND, image_ref=f"{OWN_IMAGE}:latest"),
        replace(BEHIND, image_ref="foreign"),
        replace(BEHIND, image_ref=f"web@{NEW}"),
    ],
    ids=["archived", "removed", "not watched", "dockrev itself", "other platform", "pinned"],
)
def test_services_that_stack_and_all_leave_out(left_out: Service) -> None:
    assert plan(request(), host(left_out)).stacks == ()


def test_an_ignored_candidate_is_left_out_of_stack_and_all_and_can_be_requested_by_name() -> None:
    rule = IgnoreRule("ign_1", BEHIND.id, True, MatchKind.PREFIX, "lat", None, NOON)
    assert plan(request(), host(BEHIND, rules=[rule])).stacks == ()
    asked = request(approve(BEHIND), scope=Scope.SERVICE)
    assert plan(asked, host(BEHIND, rules=[rule])).service_ids == (BEHIND.id,)


def test_a_lower_version_is_skipped_unless_the_operator_requested_it() -> None:
    snapshots = [snapshot(OLD, "1.5.0"), snapshot(NEW, "1.4.9")]
    by_hook = replace(request(approve(BEHIND), scope=Scope.SERVICE), reason=Reason.WEBHOOK)
    planned = plan(by_hook, host(BEHIND, snapshots=snapshots))
    assert planned.service_ids == ()
    assert planned.stacks[0].skipped_downgrades == (
        {
            "serviceId": BEHIND.id,
            "serviceName": "web",
            "current": "1.5.0",
            "candidate": "1.4.9",
            "reason": "semver_downgrade",
        },
    )
    by_hand = request(approve(BEHIND), scope=Scope.SERVICE)
    assert plan(by_hand, host(BEHIND, snapshots=snapshots)).service_ids == (BEHIND.id,)


def test_archived_stacks_are_left_out() -> None:
    assert plan(request(), host(BEHIND, archived=True)).stacks == ()


def test_another_platform_is_included_when_the_request_allows_it() -> None:
    foreign = replace(BEHIND, image_ref="foreign", runtime=running(NEW))
    allowed = request(approve(foreign, OLD), allow_arch_mismatch=True)
    assert plan(allowed, host(foreign)).service_ids == (foreign.id,)
    refused = request(approve(foreign, OLD), scope=Scope.SERVICE)
    answer = details(refused, host(foreign))
    assert (answer["serviceId"], answer["archMatch"]) == (foreign.id, "mismatch")
    assert [blocker["code"] for blocker in answer["blockers"]] == ["platform_mismatch"]


def test_a_digest_that_is_not_the_candidate_is_a_conflict() -> None:
    stale = request(approve(BEHIND, OLD), scope=Scope.SERVICE)
    error = refusal(stale, host(BEHIND))
    assert isinstance(error, Conflict)
    assert error.details == {"serviceId": BEHIND.id, "expectedDigest": NEW, "gotDigest": OLD}


def test_a_service_without_candidate_is_a_conflict_without_an_expected_digest() -> None:
    answer = details(request(approve(CURRENT), scope=Scope.SERVICE), host(CURRENT))
    assert answer == {"serviceId": CURRENT.id, "expectedDigest": None, "gotDigest": NEW}


def test_an_update_keeps_the_tag() -> None:
    answer = details(request(approve(BEHIND, tag="1.2"), scope=Scope.SERVICE), host(BEHIND))
    assert answer == {"serviceId": BEHIND.id, "expectedTag": "latest", "gotTag": "1.2"}


@pytest.mark.parametrize(
    ("of", "tag", "reason"),
    [
        (replace(BEHIND, image_ref=f"{OWN_IMAGE}:latest"), "latest", "own_service"),
        (replace(BEHIND, image_ref=f"web:1@{OLD}"), "1", "digest_pinned"),
        (replace(BEHIND, watched=False), "latest", "not_watched"),
        (replace(BEHIND, removed=True), "latest", "removed_from_project"),
        (replace(BEHIND, builds=True, runtime=running(())), "latest", "local_build"),
        (replace(BEHIND, image_ref="web:no tag"), "", "invalid_image_reference"),
        (replace(BEHIND, runtime=Runtime()), "latest", "no_containers"),
    ],
)
def test_a_service_that_can_never_be_updated_is_refused_with_the_reason(
    of: Service, tag: str, reason: str
) -> None:
    asked = request(approve(of, tag=tag), scope=Scope.SERVICE)
    answer = details(asked, host(of))
    assert (answer["serviceId"], answer["reason"]) == (of.id, reason)
    assert [blocker["code"] for blocker in answer["blockers"]] == [reason]


def test_a_refusal_lists_every_blocker_that_forbids_the_update() -> None:
    """An archived service could be updated by name, so that blocker is not among them."""
    stuck = replace(BEHIND, image_ref=f"{OWN_IMAGE}:latest", watched=False, archived=True)
    asked = request(approve(stuck), scope=Scope.SERVICE)
    [stack] = host(stuck)
    assert [blocker.code for blocker in stack.services[0].blockers] == [
        "own_service",
        "not_watched",
        "service_archived",
    ]

    answer = details(asked, [stack])

    assert answer["reason"] == "own_service"
    assert [blocker["code"] for blocker in answer["blockers"]] == ["own_service", "not_watched"]
    assert answer["blockers"][1]["remedy"] == "Remove the label from the compose file and apply it."


@pytest.mark.parametrize("image_ref", [f"web@{OLD}", f"web:1@{OLD}"])
def test_a_pinned_service_is_refused_with_the_blocker_whatever_tag_the_client_sends(image_ref: str) -> None:
    """A request must have a tag, and a pinned service may have none."""
    pinned = replace(BEHIND, image_ref=image_ref)
    body = {"serviceId": pinned.id, "targetTag": "latest", "targetDigest": NEW, "pullTags": []}
    sent = parse_request(UpdateIn.model_validate({"scope": "service", **body}))
    told = details(sent, host(pinned))
    assert (told["serviceId"], told["reason"]) == (pinned.id, "digest_pinned")


@pytest.mark.parametrize("archived", [True, False])
def test_a_service_that_the_request_names_may_be_archived_or_ignored(archived: bool) -> None:
    """The scopes stack and all leave it out. An operator who names it has decided."""
    rule = IgnoreRule("ign_1", BEHIND.id, True, MatchKind.EXACT, "latest", None, NOON)
    stacks = host(replace(BEHIND, archived=archived), rules=() if archived else (rule,))
    assert plan(request(), stacks).stacks == ()
    assert plan(request(approve(BEHIND), scope=Scope.SERVICE), stacks).service_ids == (BEHIND.id,)


@pytest.mark.parametrize("scope", [Scope.STACK, Scope.ALL])
def test_a_stopped_service_may_be_named_and_is_otherwise_left_out(scope: Scope) -> None:
    idle = service(name="idle", runtime=stopped(OLD))
    assert plan(request(approve(BEHIND), scope=scope), host(BEHIND, idle)).service_ids == (BEHIND.id,)
    both = plan(request(approve(BEHIND), approve(idle), scope=scope), host(BEHIND, idle))
    assert both.service_ids == (BEHIND.id, idle.id)
    assert plan(request(approve(idle), scope=Scope.SERVICE), host(BEHIND, idle)).service_ids == (idle.id,)
    archived = details(request(approve(BEHIND), approve(idle)), host(BEHIND, replace(idle, archived=True)))
    assert archived["extraServiceIds"] == [idle.id]


def test_a_service_of_a_host_that_is_not_configured_is_left_out_and_refused() -> None:
    elsewhere = host(BEHIND, own=None)
    assert plan(request(), elsewhere).stacks == ()
    refused = details(request(approve(BEHIND), scope=Scope.SERVICE), elsewhere)
    assert (refused["serviceId"], refused["reason"]) == (BEHIND.id, "host_not_configured")


def test_dockrevs_own_service_is_recognised_by_its_container_too() -> None:
    """The name of its image does not matter."""
    own = OwnService(OWN_IMAGE, "c1", "blog", BEHIND.name)
    assert plan(request(), host(BEHIND, own=own)).stacks == ()
    refused = details(request(approve(BEHIND), scope=Scope.SERVICE), host(BEHIND, own=own))
    assert (refused["serviceId"], refused["reason"]) == (BEHIND.id, "own_service")

    elsewhere = OwnService(OWN_IMAGE, "c1", "other", BEHIND.name)
    assert plan(request(approve(BEHIND)), host(BEHIND, own=elsewhere)).service_ids == (BEHIND.id,)


def test_ids_that_do_not_exist_are_refused() -> None:
    unknown = request(ApprovedTarget("svc_nobody", "latest", NEW), scope=Scope.SERVICE)
    assert details(unknown, host(BEHIND)) == {"field": "serviceId", "value": "svc_nobody"}
    elsewhere = replace(request(), target=JobTarget(Scope.STACK, "stk_nobody"))
    assert details(elsewhere, host(BEHIND)) == {"field": "stackId", "value": "stk_nobody"}


def test_the_plan_of_a_request_for_one_stack_has_only_that_stack() -> None:
    other = Stack(
        "stk_other", LOCAL, "other", (), True, False, NOON, NOON, (replace(BEHIND, id="svc_other"),)
    )
    facts = {NEW: ImageFacts(NEW, (Child(AMD64, NEW),))}
    registry = RegistryFacts({(WEB, "latest"): TagState(WEB, "latest", NEW, NOON)}, facts)
    both = views_of([stack(BEHIND), other], context(registry))
    assert plan(request(approve(BEHIND), scope=Scope.STACK), both).service_ids == (BEHIND.id,)


@pytest.mark.parametrize(("host_id", "namesakes"), [(LOCAL, ("shop/till",)), ("nas", ())])
def test_only_services_of_the_same_host_share_an_image_name(host_id: str, namesakes: tuple[str, ...]) -> None:
    till = replace(BEHIND, id="svc_till", name="till", stack_id="stk_shop", host_id=host_id)
    shop = Stack("stk_shop", host_id, "shop", (), True, False, NOON, NOON, (till,))
    facts = {NEW: ImageFacts(NEW, (Child(AMD64, NEW),))}
    known = RegistryFacts({(WEB, "latest"): TagState(WEB, "latest", NEW, NOON)}, facts)
    stacks = views_of([stack(BEHIND), shop], context(known))
    [blog] = plan(request(approve(BEHIND), scope=Scope.SERVICE), stacks).stacks
    assert blog.services[0].namesakes == namesakes

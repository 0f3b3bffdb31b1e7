"""Which services `dockrev update` chooses, and how it describes the results."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from dockrev.cli.outcomes import ServiceResult, choose, exit_code, outcomes_of, request_for
from dockrev.errors import Json
from dockrev.ignores.models import IgnoreRule, MatchKind
from dockrev.images.models import CheckError, TagState
from dockrev.jobs.models import JobTarget, Scope
from dockrev.stacks.models import Service, Stack
from dockrev.stacks.update_state import RegistryFacts
from dockrev.stacks.views import StackView
from dockrev.updates.documents import UpdateSummary
from dockrev.updates.models import UpdateMode
from tests.stacks.building import (
    NEW,
    NOON,
    OLD,
    OWN_IMAGE,
    WEB,
    context,
    index,
    running,
    service,
    stack,
    views_of,
)

ERROR = CheckError("registry_timeout", "no answer in time", NOON)


def outdated(name: str = "web", *, stack_id: str = "stk_blog") -> Service:
    return replace(service(runtime=running(OLD), name=name), stack_id=stack_id)


def views(
    *stacks: Stack,
    state: TagState = TagState(WEB, "latest", NEW, NOON),  # noqa: B008 -- frozen
    rules: Sequence[IgnoreRule] = (),
) -> list[StackView]:
    facts = {NEW: index(NEW, amd64=NEW), OLD: index(OLD, amd64=OLD)}
    images = RegistryFacts({(state.repository, state.tag): state}, facts)
    return views_of(stacks, context(images, rules=rules))


def services_in(stacks: list[StackView]) -> list[Service]:
    return [view.service for stack_view in stacks for view in stack_view.services]


def test_only_selected_services_with_an_update_are_chosen() -> None:
    stacks = views(stack(outdated("web"), outdated("other"), service(runtime=running(NEW), name="db")))

    selection = choose(stacks, [service for service in services_in(stacks) if service.name != "other"])

    (chosen,) = selection.chosen
    assert (chosen.name, chosen.candidate.digest) == ("blog/web", NEW)
    assert (selection.left_out, selection.unanswered) == ((), ())


def test_a_service_without_an_answer_is_left_alone_although_an_earlier_check_found_an_update() -> None:
    stacks = views(stack(outdated()), state=TagState(WEB, "latest", NEW, NOON, ERROR))

    selection = choose(stacks, services_in(stacks))

    assert selection.chosen == ()
    assert selection.unanswered == ("blog/web is left alone: no answer in time",)


def test_dockrevs_own_service_is_left_to_the_supervisor() -> None:
    own = replace(outdated(), image_ref=f"{OWN_IMAGE}:latest")
    state = TagState(OWN_IMAGE, "latest", NEW, NOON)
    stacks = views(stack(own), state=state)

    selection = choose(stacks, services_in(stacks))

    assert selection.chosen == ()
    assert selection.left_out == (
        "blog/web is left alone: it is Dockrev itself."
        " Upgrade it by hand: docker compose pull, then docker compose up -d.",
    )


RULE = IgnoreRule("ign_1", "svc_web", True, MatchKind.EXACT, "latest", None, NOON)


@pytest.mark.parametrize(
    ("blog", "rules", "why"),
    [
        (stack(outdated(), archived=True), (), "its stack is archived. Restore the stack."),
        (stack(replace(outdated(), archived=True)), (), "it is archived. Restore the service."),
        (stack(outdated()), (RULE,), 'an ignore rule silences latest: exact "latest". Delete the rule.'),
    ],
)
def test_an_archived_or_ignored_service_is_left_alone_unless_project_and_service_are_named(
    blog: Stack, rules: Sequence[IgnoreRule], why: str
) -> None:
    stacks = views(blog, rules=rules)
    names: list[str]
    for names in ([], ["blog"], ["web"]):
        selection = choose(stacks, services_in(stacks), names)
        assert (selection.chosen, selection.left_out) == ((), (f"blog/web is left alone: {why}",))
    chosen = choose(stacks, services_in(stacks), ["blog/web"]).chosen
    assert [service.name for service in chosen] == ["blog/web"]


def test_an_image_for_other_platforms_is_left_alone() -> None:
    facts = {NEW: index(NEW, arm64=NEW)}
    state = TagState(WEB, "latest", NEW, NOON)
    stacks = views_of([stack(outdated())], context(RegistryFacts({(WEB, "latest"): state}, facts)))

    (sentence,) = choose(stacks, services_in(stacks)).left_out

    assert sentence == (
        "blog/web is left alone: the new image is offered for linux/arm64 only, not for this host's platform."
        " Wait for an image for this platform, or allow another platform in the request."
    )


def test_a_service_that_can_never_be_updated_is_explained_when_project_and_service_are_named() -> None:
    stacks = views(stack(replace(outdated(), image_ref=f"web@{OLD}")))
    names: list[str]
    for names in ([], ["blog"], ["web"]):
        assert choose(stacks, services_in(stacks), names).left_out == ()
    selection = choose(stacks, services_in(stacks), ["blog/web"])
    assert (selection.chosen, selection.unanswered) == ((), ())
    assert selection.left_out == (
        "blog/web is left alone: its image is pinned to a digest in the compose file."
        " Replace the digest by a tag in the compose file.",
    )


def other_stack(*services: Service) -> Stack:
    return replace(stack(*services), id="stk_shop", name="shop")


@pytest.mark.parametrize(
    ("stacks", "target"),
    [
        ([stack(outdated())], JobTarget(Scope.SERVICE, "stk_blog", "svc_web")),
        ([stack(outdated(), outdated("db"))], JobTarget(Scope.STACK, "stk_blog")),
        ([stack(outdated()), other_stack(outdated("till", stack_id="stk_shop"))], JobTarget(Scope.ALL)),
    ],
)
def test_the_request_names_the_smallest_target_that_contains_all_services(
    stacks: list[Stack], target: JobTarget
) -> None:
    stack_views = views(*stacks)

    request = request_for(choose(stack_views, services_in(stack_views)).chosen, dry_run=False)

    assert request.target == target
    assert {approved.service_id for approved in request.approved} == {
        service.id for service in services_in(stack_views)
    }
    assert {(approved.tag, approved.digest) for approved in request.approved} == {("latest", NEW)}
    assert (request.mode, request.partial) == (UpdateMode.APPLY, True)


def summary(outcome: Mapping[str, Json], mode: str = "apply") -> UpdateSummary:
    service: Json = {"serviceId": "svc_web", "serviceName": "web", **outcome}
    backup = {"status": "skipped", "reason": "disabled"}
    stack = {"stackId": "stk_blog", "backup": backup, "services": [service]}
    return UpdateSummary.model_validate({"mode": mode, "stacks": [stack]})


IMAGES: Mapping[str, Json] = {"oldImageId": OLD, "newImageId": NEW}


@pytest.mark.parametrize(
    ("outcome", "line", "good"),
    [
        ({"status": "updated", **IMAGES}, f"blog/web: updated: image {OLD.short} -> {NEW.short}", True),
        ({"status": "unchanged", **IMAGES}, "blog/web: unchanged", True),
        ({"status": "skipped", "reason": "it does not run"}, "blog/web: skipped: it does not run", True),
        (
            {"status": "rolled_back", "reason": "unhealthy", "step": "verify", **IMAGES},
            "blog/web: rolled back: unhealthy (step verify)",
            False,
        ),
        ({"status": "failed", "reason": "no space"}, "blog/web: failed: no space", False),
        (
            {"status": "not_attempted", "reason": "another failed"},
            "blog/web: not attempted: another failed",
            True,
        ),
    ],
)
def test_each_outcome_is_one_line(outcome: Mapping[str, Json], line: str, good: bool) -> None:
    assert outcomes_of(summary(outcome), {"stk_blog": "blog"}) == [ServiceResult(line, good)]


def test_a_dry_run_states_how_much_it_would_download() -> None:
    dry_run = summary(
        {"status": "not_attempted", "reason": "dry run", "bytesToDownload": 12_340_000}, "dry-run"
    )

    (result,) = outcomes_of(dry_run, {"stk_blog": "blog"})

    assert result == ServiceResult("blog/web: would be updated, at most 12.3 MB to download", good=True)


def test_a_dry_run_that_finds_a_blocker_is_not_good() -> None:
    dry_run = summary({"status": "failed", "reason": "changed since", "step": "preflight"}, "dry-run")

    assert outcomes_of(dry_run, {}) == [
        ServiceResult("stk_blog/web: failed: changed since (step preflight)", good=False)
    ]


def test_the_worst_result_decides_the_exit_code() -> None:
    good, bad = ServiceResult("", good=True), ServiceResult("", good=False)

    assert exit_code([], complete=True) == 0
    assert exit_code([good], complete=True) == 0
    assert exit_code([good, bad], complete=True) == 1
    assert exit_code([good, bad], complete=False) == 2

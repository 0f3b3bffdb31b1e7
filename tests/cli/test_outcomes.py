"""What `dockrev update` decides to do and how it tells what it did."""

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
    return [one.service for found in stacks for one in found.services]


def test_only_what_was_named_and_has_an_update_is_chosen() -> None:
    stacks = views(stack(outdated("web"), outdated("other"), service(runtime=running(NEW), name="db")))

    selection = choose(stacks, [one for one in services_in(stacks) if one.name != "other"])

    (one,) = selection.chosen
    assert (one.name, one.candidate.digest) == ("blog/web", NEW)
    assert (selection.left_out, selection.unanswered) == ((), ())


def test_what_the_registry_did_not_answer_for_is_left_alone_although_an_update_was_seen_before() -> None:
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
    assert selection.left_out == ("blog/web is left alone: it is Dockrev itself",)


RULE = IgnoreRule("ign_1", "svc_web", True, MatchKind.EXACT, "latest", None, NOON)


@pytest.mark.parametrize(
    ("found", "rules", "why"),
    [
        (stack(outdated(), archived=True), (), "its stack is archived"),
        (stack(replace(outdated(), archived=True)), (), "it is archived"),
        (stack(outdated()), (RULE,), 'an ignore rule silences latest: exact "latest"'),
    ],
)
def test_what_is_archived_or_ignored_is_left_alone_unless_it_is_named(
    found: Stack, rules: Sequence[IgnoreRule], why: str
) -> None:
    stacks = views(found, rules=rules)
    names: list[str]
    for names in ([], ["blog"], ["web"]):
        selection = choose(stacks, services_in(stacks), names)
        assert (selection.chosen, selection.left_out) == ((), (f"blog/web is left alone: {why}",))
    assert [one.name for one in choose(stacks, services_in(stacks), ["blog/web"]).chosen] == ["blog/web"]


def test_an_image_for_other_platforms_is_left_alone() -> None:
    facts = {NEW: index(NEW, arm64=NEW)}
    state = TagState(WEB, "latest", NEW, NOON)
    stacks = views_of([stack(outdated())], context(RegistryFacts({(WEB, "latest"): state}, facts)))

    (sentence,) = choose(stacks, services_in(stacks)).left_out

    assert sentence == (
        "blog/web is left alone: the new image is offered for linux/arm64 only, not for this host's platform"
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
def test_the_request_is_about_the_smallest_target_that_has_them_all(
    stacks: list[Stack], target: JobTarget
) -> None:
    found = views(*stacks)

    request = request_for(choose(found, services_in(found)).chosen, dry_run=False)

    assert request.target == target
    assert {wish.service_id for wish in request.approved} == {one.id for one in services_in(found)}
    assert {(wish.tag, wish.digest) for wish in request.approved} == {("latest", NEW)}
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


def test_a_dry_run_tells_what_it_would_do() -> None:
    would = summary(
        {"status": "not_attempted", "reason": "dry run", "bytesToDownload": 12_340_000}, "dry-run"
    )

    (told,) = outcomes_of(would, {"stk_blog": "blog"})

    assert told == ServiceResult("blog/web: would be updated, at most 12.3 MB to download", good=True)


def test_a_dry_run_that_found_an_obstacle_is_not_good() -> None:
    found = summary({"status": "failed", "reason": "changed since", "step": "preflight"}, "dry-run")

    assert outcomes_of(found, {}) == [
        ServiceResult("stk_blog/web: failed: changed since (step preflight)", good=False)
    ]


def test_the_exit_code_is_that_of_the_worst() -> None:
    good, bad = ServiceResult("", good=True), ServiceResult("", good=False)

    assert exit_code([], complete=True) == 0
    assert exit_code([good], complete=True) == 0
    assert exit_code([good, bad], complete=True) == 1
    assert exit_code([good, bad], complete=False) == 2

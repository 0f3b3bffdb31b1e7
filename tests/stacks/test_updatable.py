"""The blockers of a service, and those that the operator can overrule."""

from dataclasses import replace

import pytest

from dockrev.blockers import Blocker
from dockrev.docker.self_service import OwnService
from dockrev.ignores.models import IgnoreRule, MatchKind
from dockrev.stacks.models import Runtime, Service
from dockrev.stacks.updatable import refusals
from tests.stacks.building import (
    NEW,
    NOON,
    OLD,
    OWN_IMAGE,
    context,
    index,
    knowledge,
    running,
    service,
    stack,
    stopped,
    tag,
    views_of,
)

BEHIND = service(runtime=running(OLD))
OFFERED = knowledge(tag(NEW), facts=[index(NEW, amd64=NEW)])
FOREIGN = knowledge(tag(NEW), facts=[index(NEW, arm64=NEW)])
RULE = IgnoreRule("ign_1", "svc_web", True, MatchKind.EXACT, "latest", None, NOON)


def blockers(
    of: Service, *, archived: bool = False, foreign: bool = False, rules: tuple[IgnoreRule, ...] = ()
) -> tuple[Blocker, ...]:
    known = context(FOREIGN if foreign else OFFERED, rules=rules)
    [view] = views_of([stack(of, archived=archived)], known)
    return view.services[0].blockers


def codes(*args: Blocker) -> list[str]:
    return [blocker.code for blocker in args]


def test_an_ordinary_service_has_no_blockers() -> None:
    assert blockers(BEHIND) == ()
    assert blockers(service(runtime=running(NEW))) == ()


@pytest.mark.parametrize(
    ("of", "code"),
    [
        (replace(BEHIND, image_ref=f"{OWN_IMAGE}:latest"), "own_service"),
        (replace(BEHIND, image_ref=f"web:1@{OLD}"), "digest_pinned"),
        (replace(BEHIND, builds=True, runtime=running(())), "local_build"),
        (replace(BEHIND, watched=False), "not_watched"),
        (replace(BEHIND, removed=True), "removed_from_project"),
        (replace(BEHIND, image_ref="web:no tag"), "invalid_image_reference"),
        (replace(BEHIND, runtime=Runtime()), "no_containers"),
        (replace(BEHIND, runtime=stopped(OLD)), "not_running"),
        (replace(BEHIND, archived=True), "service_archived"),
    ],
)
def test_each_blocker_has_a_code_a_sentence_and_mostly_a_remedy(of: Service, code: str) -> None:
    [blocker] = blockers(of)
    assert blocker.code == code
    assert not blocker.text.endswith(".")
    assert blocker.remedy is None if code == "removed_from_project" else (blocker.remedy or "").endswith(".")


def test_the_stack_the_platform_and_rules_can_block_an_update() -> None:
    assert codes(*blockers(BEHIND, archived=True)) == ["stack_archived"]
    assert codes(*blockers(BEHIND, foreign=True)) == ["platform_mismatch"]
    assert codes(*blockers(BEHIND, rules=(RULE,))) == ["ignored"]


def test_dockrev_is_recognized_by_its_container_too() -> None:
    known = context(OFFERED, own=OwnService(OWN_IMAGE, "c1", "blog", "web"))
    [view] = views_of([stack(BEHIND)], known)
    assert codes(*view.services[0].blockers) == ["own_service"]


def test_a_host_that_is_not_configured_forbids_every_update() -> None:
    [view] = views_of([stack(BEHIND)], context(OFFERED, own=None))
    all_blockers = view.services[0].blockers
    assert codes(*all_blockers) == ["host_not_configured"]
    assert refusals(all_blockers, by_name=True, allow_arch_mismatch=True) == all_blockers


def test_all_blockers_are_listed() -> None:
    all_blockers = blockers(replace(BEHIND, archived=True), archived=True, foreign=True, rules=(RULE,))
    assert codes(*all_blockers) == ["platform_mismatch", "stack_archived", "service_archived", "ignored"]


def test_naming_a_service_overrules_only_earlier_choices_of_the_operator() -> None:
    all_blockers = blockers(replace(BEHIND, archived=True), archived=True, foreign=True, rules=(RULE,))
    assert codes(*refusals(all_blockers, by_name=True, allow_arch_mismatch=False)) == ["platform_mismatch"]
    assert refusals(all_blockers, by_name=True, allow_arch_mismatch=True) == ()
    pinned = blockers(replace(BEHIND, image_ref=f"web:1@{OLD}"))
    assert refusals(pinned, by_name=True, allow_arch_mismatch=True) == pinned


def test_naming_a_stopped_service_overrules_that_it_does_not_run() -> None:
    stopped_service = blockers(replace(BEHIND, runtime=stopped(OLD)))
    assert refusals(stopped_service, by_name=True, allow_arch_mismatch=False) == ()
    assert codes(*refusals(stopped_service, by_name=False, allow_arch_mismatch=True)) == ["not_running"]


def test_an_update_of_everything_skips_services_with_blockers() -> None:
    all_blockers = blockers(replace(BEHIND, archived=True), rules=(RULE,))
    assert refusals(all_blockers, by_name=False, allow_arch_mismatch=True) == all_blockers

"""The displayed version of a service, and the lookups that it needs."""

from datetime import timedelta

import pytest

from dockrev.ignores.models import IgnoreMatch, MatchKind
from dockrev.stacks.models import Service
from dockrev.stacks.update_state import RegistryFacts
from dockrev.stacks.views import Context, ServiceView
from dockrev.versions.models import DigestSnapshot, InferenceReason, InferenceTask, ScanCounts
from tests.ignores.building import rule
from tests.stacks.building import (
    NEW,
    NOON,
    OLD,
    context,
    index,
    knowledge,
    running,
    service,
    snapshot,
    stack,
    tag,
    task,
    views_of,
)

BEHIND = service(runtime=running(OLD))
MOVED = knowledge(tag(NEW), facts=[index(NEW, amd64=NEW)])
FAILED = ScanCounts(total=4, considered=4, error=4)
LONG_AGO = NOON - timedelta(days=8)


def view_of(web: Service, known: Context) -> ServiceView:
    (shown,) = views_of([stack(web)], known)[0].services
    return shown


@pytest.mark.parametrize(
    ("tags", "current"),
    [
        ((), ()),
        (("latest", "nightly", "sha-0a1b2c3"), ()),
        (("latest", "1.4.0"), ("1.4.0",)),
        (("1.4.0", "1.4.1", "latest"), ("1.4.1", "1.4.0")),
        (("1.4.0", "1.4"), ("1.4.0",)),
    ],
)
def test_full_versions_are_shown_with_the_highest_first(
    tags: tuple[str, ...], current: tuple[str, ...]
) -> None:
    assert view_of(BEHIND, context(MOVED, snapshot(OLD, *tags))).version.current == current


def test_current_and_candidate_have_their_own_versions() -> None:
    shown = view_of(BEHIND, context(MOVED, snapshot(OLD, "1.4.0"), snapshot(NEW, "1.5.1"))).version
    assert (shown.current, shown.candidate) == (("1.4.0",), ("1.5.1",))
    assert (shown.of_current("latest"), shown.of_candidate("latest")) == ("1.4.0", "1.5.1")


def test_without_a_version_a_service_shows_its_tag() -> None:
    shown = view_of(BEHIND, context(MOVED)).version
    assert (shown.of_current("latest"), shown.of_candidate("latest")) == ("latest", "latest")


def test_a_tag_that_is_a_full_version_needs_no_lookup() -> None:
    web = service("web:1.4.0", running(OLD))
    known = knowledge(tag(NEW, name="1.4.0"), facts=[index(NEW, amd64=NEW)])
    shown = view_of(web, context(known, snapshot(OLD, "1.4.0"), snapshot(NEW, "1.4.0")))
    assert (shown.version.current, shown.version.candidate, shown.version.lookups) == ((), (), ())
    assert (shown.version.inference.status, shown.version.inference.reason) == ("ready", "not_required")


def test_versions_of_another_repository_do_not_count() -> None:
    elsewhere = snapshot(OLD, "9.9.9", repository="ghcr.io/acme/web")
    assert view_of(BEHIND, context(MOVED, elsewhere)).version.current == ()


@pytest.mark.parametrize(
    "skipped",
    [
        service(None, running(()), builds=True),
        service(runtime=running(OLD), watched=False),
        service("web:${TAG}", running(OLD)),
        service("web@" + OLD, running(OLD)),
        service(runtime=running(OLD), removed=True),
    ],
)
def test_an_unchecked_service_needs_no_lookup(skipped: Service) -> None:
    shown = view_of(skipped, context(knowledge())).version
    assert (shown.inference.status, shown.inference.reason, shown.lookups) == ("ready", "not_required", ())


@pytest.mark.parametrize(
    ("snapshots", "tasks", "status", "reason", "needed"),
    [
        pytest.param([], [], "pending", "cache_miss", [NEW, OLD], id="nothing is known"),
        pytest.param([snapshot(OLD, "1.4.0")], [], "pending", "cache_miss", [NEW], id="one version is known"),
        pytest.param(
            [snapshot(OLD, "1.4.0"), snapshot(NEW)], [], "ready", None, [], id="both versions are known"
        ),
        pytest.param(
            [snapshot(OLD, "1.4.0", checked_at=LONG_AGO), snapshot(NEW, "1.5.1")],
            [],
            "pending",
            "cache_stale",
            [OLD],
            id="one snapshot is too old",
        ),
        pytest.param(
            [snapshot(OLD, "1.4.0"), snapshot(NEW, scan=FAILED)],
            [],
            "ready",
            "all_failed",
            [],
            id="one lookup failed just now",
        ),
        pytest.param(
            [snapshot(OLD, "1.4.0"), snapshot(NEW, scan=FAILED, checked_at=NOON - timedelta(minutes=10))],
            [],
            "pending",
            "all_failed",
            [NEW],
            id="one lookup failed and may be repeated",
        ),
        pytest.param(
            [],
            [task(NEW), task(OLD)],
            "pending",
            "new_version",
            [NEW, OLD],
            id="both tasks wait and move ahead",
        ),
        pytest.param(
            [snapshot(OLD, "1.4.0"), snapshot(NEW, "1.5.1")],
            [task(NEW, InferenceReason.FORCE)],
            "ready",
            None,
            [],
            id="a lookup of the operator does not make the service pending",
        ),
    ],
)
def test_a_service_has_an_inference_state_and_the_lookups_it_needs(
    snapshots: list[DigestSnapshot],
    tasks: list[InferenceTask],
    status: str,
    reason: str | None,
    needed: list[str],
) -> None:
    shown = view_of(BEHIND, context(MOVED, *snapshots, tasks=tasks)).version
    assert (shown.inference.status, shown.inference.reason) == (status, reason)
    assert [lookup.key.digest for lookup in shown.lookups] == needed


def test_the_state_has_the_time_of_the_newest_snapshot() -> None:
    older = snapshot(OLD, "1.4.0", checked_at=NOON - timedelta(hours=2))
    newer = snapshot(NEW, "1.5.1", checked_at=NOON - timedelta(hours=1))
    assert view_of(BEHIND, context(MOVED, older, newer)).version.inference.checked_at == newer.checked_at


def test_services_that_share_an_image_need_the_same_lookups() -> None:
    (shown,) = views_of([stack(BEHIND, service(name="twin", runtime=running(OLD)))], context(MOVED))
    assert [lookup.key.digest for lookup in shown.lookups] == [NEW, OLD, NEW, OLD], (
        "the queue takes each once"
    )


@pytest.mark.parametrize(
    ("known", "silenced"),
    [
        pytest.param(MOVED, True, id="a candidate"),
        pytest.param(knowledge(tag(OLD)), False, id="no candidate"),
    ],
)
def test_a_rule_silences_only_a_candidate(known: RegistryFacts, silenced: bool) -> None:
    latest = rule(MatchKind.EXACT, "latest")
    shown = view_of(BEHIND, context(known, rules=[latest]))
    assert shown.ignored_by == (IgnoreMatch(latest, "latest") if silenced else None)
    assert not shown.counts_as_update


def test_a_rule_matches_versions_of_the_candidate_and_not_of_the_running_image() -> None:
    known = (snapshot(OLD, "1.4.0"), snapshot(NEW, "1.5.1", "v1.5.1"))
    for value, silenced in (("1.5.1", True), ("v1.5.1", True), ("1.4.0", False), ("1.5", False)):
        exact = rule(MatchKind.EXACT, value)
        shown = view_of(BEHIND, context(MOVED, *known, rules=[exact]))
        assert shown.ignored_by == (IgnoreMatch(exact, value) if silenced else None)
        assert shown.counts_as_update is not silenced


def test_a_rule_applies_only_to_its_service() -> None:
    other = service(name="other", runtime=running(OLD))
    assert view_of(other, context(MOVED, rules=[rule(MatchKind.EXACT, "latest")])).counts_as_update

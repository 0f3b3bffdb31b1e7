"""Whether an update is waiting, for cases of running images and registry facts."""

from datetime import timedelta

import pytest

from dockrev.images.models import CheckError, ImageFacts
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.stacks.models import Runtime, Service
from dockrev.stacks.update_state import ArchMatch, NotCheckedReason, RegistryFacts, question_of
from tests.stacks.building import (
    AMD64,
    ARM64,
    NEW,
    NOON,
    OLD,
    digest,
    index,
    knowledge,
    running,
    service,
    state_of,
    stopped,
    tag,
)

OLD_AMD64, NEW_AMD64, SHARED = digest("old amd64"), digest("new amd64"), digest("shared")
OFFERED = index(NEW, amd64=NEW_AMD64, arm64=digest("new arm64"))


@pytest.mark.parametrize(
    ("runtime", "known", "waiting"),
    [
        pytest.param(running(OLD), knowledge(tag(NEW), facts=[OFFERED]), True, id="the index moved"),
        pytest.param(running(NEW), knowledge(tag(NEW)), False, id="the index runs"),
        pytest.param(running((OLD, NEW)), knowledge(tag(NEW)), False, id="one of its digests is offered"),
        pytest.param(
            running(NEW_AMD64),
            knowledge(tag(NEW), facts=[OFFERED]),
            False,
            id="pulled by its platform's digest",
        ),
        pytest.param(
            running(OLD_AMD64), knowledge(tag(NEW), facts=[OFFERED]), True, id="another platform digest runs"
        ),
        pytest.param(
            running(OLD),
            knowledge(tag(NEW), facts=[index(OLD, amd64=SHARED), index(NEW, amd64=SHARED, arm64=NEW_AMD64)]),
            False,
            id="only other platforms changed",
        ),
        pytest.param(
            running(OLD),
            knowledge(tag(NEW), facts=[index(OLD, amd64=OLD_AMD64), OFFERED]),
            True,
            id="this platform changed too",
        ),
        pytest.param(running(OLD, NEW, total=2), knowledge(tag(NEW)), True, id="one replica is behind"),
        pytest.param(
            running(OLD, (), total=2), knowledge(tag(NEW)), True, id="one replica is from elsewhere"
        ),
        pytest.param(stopped(OLD), knowledge(tag(NEW)), True, id="stopped on the old image"),
        pytest.param(stopped(NEW), knowledge(tag(NEW)), False, id="stopped on the offered image"),
        pytest.param(Runtime(), knowledge(tag(NEW)), False, id="no containers"),
        pytest.param(running(()), knowledge(tag(NEW)), False, id="the image has no digest here"),
        pytest.param(running(OLD), knowledge(), False, id="never checked"),
        pytest.param(running(OLD), knowledge(tag(None)), False, id="never answered"),
        pytest.param(
            running(OLD),
            knowledge(tag(NEW, repository="ghcr.io/other/web")),
            False,
            id="another repository moved",
        ),
        pytest.param(running(OLD), knowledge(tag(NEW, name="1")), False, id="another tag moved"),
    ],
)
def test_an_update_is_waiting_when_the_running_image_would_change(
    runtime: Runtime, known: RegistryFacts, waiting: bool
) -> None:
    assert (state_of(service("web", runtime), known).candidate is not None) is waiting


@pytest.mark.parametrize(
    ("skipped", "reason"),
    [
        (service(None, builds=True), NotCheckedReason.LOCAL_BUILD),
        (service(None), NotCheckedReason.LOCAL_BUILD),
        (service("web", running(()), builds=True), NotCheckedReason.LOCAL_BUILD),
        (service("web", running(OLD), watched=False), NotCheckedReason.NOT_WATCHED),
        (service(f"web@{OLD}", running(OLD)), NotCheckedReason.PINNED),
        (service(f"web:1@{OLD}", running(OLD)), NotCheckedReason.PINNED),
        (service("web", running(OLD), removed=True), NotCheckedReason.REMOVED),
        (service("Not A Reference", running(OLD)), NotCheckedReason.INVALID),
        (service("", running(OLD)), NotCheckedReason.INVALID),
    ],
)
def test_checks_skip_some_services(skipped: Service, reason: NotCheckedReason) -> None:
    assert question_of(skipped) is reason
    state = state_of(skipped, knowledge(tag(NEW)))
    assert state.unchecked is reason
    assert state.candidate is None


def test_a_service_that_builds_but_runs_a_pulled_image_is_checked() -> None:
    pulled = service("web", running(OLD), builds=True)
    assert state_of(pulled, knowledge(tag(NEW))).candidate is not None


def test_the_question_names_the_repository_and_the_tag() -> None:
    asked = question_of(service("ghcr.io/acme/web:1.2", running(OLD)))
    assert not isinstance(asked, NotCheckedReason)
    ref, tag_name = asked
    assert (ref.repository, tag_name) == ("ghcr.io/acme/web", "1.2")


def test_a_service_without_containers_has_no_candidate() -> None:
    state = state_of(service("web", Runtime()), knowledge(tag(NEW)))
    assert (state.unchecked, state.candidate, state.check_error) == (
        NotCheckedReason.NOTHING_RUNS,
        None,
        None,
    )


def test_an_invalid_reference_is_a_failed_check() -> None:
    state = state_of(service("web:${TAG}", running(OLD)), knowledge())
    assert state.unchecked is NotCheckedReason.INVALID
    assert state.check_error is not None
    assert (state.check_error.code, state.check_error.at) == ("invalid_image_reference", NOON)
    assert "web:${TAG}" in state.check_error.message


def test_an_unwatched_service_with_an_invalid_reference_is_no_failure() -> None:
    state = state_of(service("web:${TAG}", running(OLD), watched=False), knowledge())
    assert (state.unchecked, state.check_error) == (NotCheckedReason.NOT_WATCHED, None)


def test_a_reference_without_a_tag_means_latest() -> None:
    assert state_of(service("web", running(OLD)), knowledge(tag(NEW))).tag == "latest"


@pytest.mark.parametrize(
    ("host", "platforms", "match"),
    [
        (AMD64, {"amd64": NEW, "arm64": NEW}, ArchMatch.MATCH),
        (AMD64, {"arm64": NEW}, ArchMatch.MISMATCH),
        (AMD64, {}, ArchMatch.UNKNOWN),
        (Platform("linux", "arm", "v7"), {"arm_v6": NEW}, ArchMatch.MATCH),
        (Platform("linux", "arm", "v7"), {"arm": NEW}, ArchMatch.MATCH),
        (ARM64, {"arm_v7": NEW}, ArchMatch.MISMATCH),
        (Platform("windows", "amd64"), {"amd64": NEW}, ArchMatch.MISMATCH),
    ],
)
def test_a_candidate_has_its_arch_match(
    host: Platform, platforms: dict[str, Digest], match: ArchMatch
) -> None:
    known = knowledge(tag(NEW), facts=[index(NEW, **platforms)])
    state = state_of(service("web", running(OLD)), known, host)
    assert state.candidate is not None
    assert state.candidate.arch_match is match
    assert state.counts_as_update is (match is ArchMatch.MATCH)


def test_a_candidate_without_facts_has_an_unknown_arch_match() -> None:
    candidate = state_of(service("web", running(OLD)), knowledge(tag(NEW))).candidate
    assert candidate is not None
    assert (candidate.arch_match, candidate.platforms) == (ArchMatch.UNKNOWN, ())


def test_a_candidate_lists_its_platforms_in_order_and_each_once() -> None:
    offered = index(NEW, arm64=NEW, arm_v7=NEW, amd64=NEW)
    twice = ImageFacts(NEW, offered.children * 2)
    candidate = state_of(service("web", running(OLD)), knowledge(tag(NEW), facts=[twice])).candidate
    assert candidate is not None
    assert [str(platform) for platform in candidate.platforms] == [
        "linux/amd64",
        "linux/arm/v7",
        "linux/arm64",
    ]


@pytest.mark.parametrize(
    ("runtime", "shown"),
    [
        (running(OLD), OLD),
        (running(NEW), NEW),
        (running((OLD, NEW)), NEW),
        (running(NEW, OLD, total=2), OLD),
        (stopped(OLD), OLD),
        (Runtime(), None),
        (running(()), NEW),
    ],
)
def test_the_shown_digest_is_the_running_one_or_else_the_one_of_the_registry(
    runtime: Runtime, shown: Digest | None
) -> None:
    assert state_of(service("web", runtime), knowledge(tag(NEW))).digest == shown


def test_a_pinned_service_shows_its_tag_and_the_digest_that_runs() -> None:
    state = state_of(service(f"web:1.2@{OLD}", running(OLD)), knowledge())
    assert (state.tag, state.digest) == ("1.2", OLD)


def test_a_failed_check_keeps_the_candidate_and_its_age() -> None:
    error = CheckError("registry_timeout", "no answer", NOON + timedelta(hours=1))
    state = state_of(service("web", running(OLD)), knowledge(tag(NEW, error=error)))
    assert state.candidate is not None
    assert (state.checked_at, state.check_error) == (NOON, error)

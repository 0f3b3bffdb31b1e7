"""The questions of a check, and the report of its answers."""

from datetime import timedelta

from dockrev.hosts.local import LOCAL
from dockrev.images.models import CheckError
from dockrev.stacks.models import Service
from dockrev.update_checks.models import CheckPlan
from dockrev.update_checks.plan import plan_check, report_check
from tests.stacks.building import AMD64, NEW, NOON, OLD, WEB, digest, knowledge, running, service, tag

LIMITED = CheckError("registry_rate_limited", "later", NOON, NOON + timedelta(hours=1))
FAILED = CheckError("registry_timeout", "no answer", NOON)

PLATFORMS = {LOCAL: AMD64}


def plan(*selected: Service, every: tuple[Service, ...] = ()) -> CheckPlan:
    return plan_check(selected, (*selected, *every), knowledge(tag(OLD)))


def test_services_that_share_an_image_share_a_question() -> None:
    same = [
        service(ref, running(OLD))
        for ref in ("web", "web:latest", "docker.io/library/web", "index.docker.io/web")
    ]
    (planned,) = plan(*same).questions
    assert planned.services == tuple(same)
    assert planned.question.key == (WEB, "latest")
    assert planned.question.before == tag(OLD)


def test_each_tag_of_each_repository_is_a_question() -> None:
    planned = plan(*(service(ref, running(OLD)) for ref in ("web:1", "web:2", "ghcr.io/library/web:1")))
    assert [each.question.key for each in planned.questions] == [
        (WEB, "1"),
        (WEB, "2"),
        ("ghcr.io/library/web", "1"),
    ]


def test_archived_services_are_checked_and_removed_ones_are_not() -> None:
    archived, removed = service("web", running(OLD), archived=True), service(removed=True)
    planned = plan(archived, removed)
    assert [each.services for each in planned.questions] == [(archived,)]
    assert planned.unasked == (removed,)
    assert planned.services == 2


def test_a_question_has_the_digests_of_all_services_with_the_same_tag() -> None:
    asked = service("web", running(NEW))
    elsewhere = service("web", running(OLD, (), total=2))
    unrelated = service("web:2", running(OLD))
    (planned,) = plan(asked, every=(elsewhere, unrelated)).questions
    assert sorted(planned.question.running, key=sorted) == sorted(
        [frozenset({NEW}), frozenset({OLD})], key=sorted
    )
    assert planned.question.runs_everywhere(NEW) is False
    assert plan(asked).questions[0].question.runs_everywhere(NEW) is True


def test_a_report_counts_candidates_failures_and_deferrals_by_service() -> None:
    behind = [service("web", running(OLD), name="a"), service("web", running(OLD), name="b")]
    current, broken = service("db", running(OLD)), service("ghcr.io/x/broken", running(OLD))
    waiting = [service(f"quay.io/x/{name}", running(OLD)) for name in "yz"]
    planned = plan(*behind, current, broken, *waiting, service("web", removed=True))
    after = knowledge(
        tag(NEW),
        tag(OLD, repository="docker.io/library/db"),
        tag(None, repository="ghcr.io/x/broken", error=FAILED),
        tag(NEW, repository="quay.io/x/y", error=LIMITED),
        tag(None, repository="quay.io/x/z", error=LIMITED),
    )
    report = report_check(planned, knowledge(), after, PLATFORMS)
    assert (report.platforms, report.with_candidate) == ((AMD64,), 3)
    assert (report.services, report.checked, report.skipped) == (7, 6, 1)
    assert [each.service for each in report.failed] == [broken]
    assert [each.service for each in report.deferred] == waiting
    (deferral,) = report.deferrals
    assert (deferral.registry, deferral.until, deferral.services) == ("quay.io", LIMITED.retry_at, 2)


def test_an_invalid_reference_is_a_failure_and_not_skipped() -> None:
    broken = service("web:${TAG}", running(OLD))
    report = report_check(plan(broken), knowledge(), knowledge(), PLATFORMS)
    assert (report.services, report.checked, report.skipped) == (1, 0, 0)
    assert [(each.service, each.error.code) for each in report.failed] == [
        (broken, "invalid_image_reference")
    ]


def test_only_a_candidate_that_no_check_saw_before_is_a_new_version() -> None:
    known, moved = service("known", running(OLD)), service("moved", running(OLD))
    before = knowledge(tag(NEW, repository="docker.io/library/known"))
    after = knowledge(*(tag(NEW, repository=f"docker.io/library/{name}") for name in ("known", "moved")))
    (new,) = report_check(
        plan_check([known, moved], [known, moved], before), before, after, PLATFORMS
    ).new_versions
    assert (new.service, new.tag, new.current, new.candidate.digest) == (moved, "latest", OLD, NEW)


def test_a_candidate_with_another_digest_is_new_again() -> None:
    web = service("web", running(OLD))
    before, after = knowledge(tag(NEW)), knowledge(tag(digest("newest")))
    assert len(report_check(plan_check([web], [web], before), before, after, PLATFORMS).new_versions) == 1


def test_a_tag_that_another_check_deleted_meanwhile_does_no_harm() -> None:
    web = service("web", running(OLD))
    report = report_check(plan_check([web], [web], knowledge()), knowledge(), knowledge(), PLATFORMS)
    assert (report.checked, report.with_candidate, report.failed) == (1, 0, ())

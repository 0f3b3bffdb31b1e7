"""The inference state of a service, and the lookups that it needs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.versions.models import (
    DigestKey,
    DigestSnapshot,
    InferenceReason,
    InferenceTask,
    Lookup,
    ScanCounts,
    VersionKnowledge,
)
from dockrev.versions.service_image import ServiceImage
from dockrev.versions.state import InferenceState, InferenceStatus, inference_of

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
AMD64 = Platform("linux", "amd64")
REPO = "ghcr.io/acme/web"
OLD, NEW = Digest.of(b"old"), Digest.of(b"new")
READY, PENDING = InferenceStatus.READY, InferenceStatus.PENDING


def key(digest: Digest) -> DigestKey:
    return DigestKey(REPO, digest, AMD64)


def snapshot(digest: Digest, age: timedelta, *, failed: bool = False) -> DigestSnapshot:
    scan = ScanCounts(error=1) if failed else ScanCounts(1, 1, 1)
    return DigestSnapshot(key(digest), () if failed else ("1.4.0",), NOON - age, scan)


def given_up(age: timedelta, *tags: str, scan: ScanCounts = ScanCounts(61, 40, 40)) -> DigestSnapshot:  # noqa: B008
    """The lookup ended before every tag had answered."""
    return DigestSnapshot(key(OLD), tags, NOON - age, scan)


def task(digest: Digest, reason: InferenceReason) -> InferenceTask:
    return InferenceTask(Lookup(key(digest), reason), NOON, NOON)


def knowledge(
    snapshots: Sequence[DigestSnapshot] = (), tasks: Sequence[InferenceTask] = ()
) -> VersionKnowledge:
    return VersionKnowledge({}, {each.key: each for each in snapshots}, {each.key: each for each in tasks})


def image(tag: str = "latest", current: Digest | None = OLD, candidate: Digest | None = None) -> ServiceImage:
    return ServiceImage(
        "svc_web", ImageRef.parse(f"{REPO}:{tag}"), tag, AMD64, current, candidate, labels=("1.4.0",)
    )


DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("snapshots", "tasks", "status", "reason", "enqueued"),
    [
        ([], [], PENDING, "cache_miss", ["cache_miss"]),
        ([snapshot(OLD, DAY)], [], READY, None, []),
        ([snapshot(OLD, 7 * DAY)], [], PENDING, "cache_stale", ["cache_stale"]),
        ([snapshot(OLD, MINUTE, failed=True)], [], READY, "all_failed", []),
        ([snapshot(OLD, 10 * MINUTE, failed=True)], [], PENDING, "all_failed", ["all_failed"]),
        ([], [task(OLD, InferenceReason.STARTUP_WARMUP)], PENDING, "startup_warmup", ["cache_miss"]),
        ([], [task(OLD, InferenceReason.API_SNAPSHOT_READ_MISS)], PENDING, "api_snapshot_read_miss", []),
        ([snapshot(OLD, DAY)], [task(OLD, InferenceReason.FORCE)], READY, None, []),
        ([], [task(OLD, InferenceReason.FORCE)], READY, None, []),
        (
            [snapshot(OLD, DAY, failed=True)],
            [task(OLD, InferenceReason.FORCE)],
            READY,
            "all_failed",
            [],
        ),
        ([snapshot(OLD, 8 * DAY)], [task(OLD, InferenceReason.CACHE_STALE)], PENDING, "cache_stale", []),
        ([given_up(MINUTE)], [], READY, None, []),
        ([given_up(10 * MINUTE)], [], PENDING, "cache_stale", ["cache_stale"]),
        ([given_up(10 * MINUTE, "latest")], [], PENDING, "cache_stale", ["cache_stale"]),
        ([given_up(10 * MINUTE, "latest", "1.4.0")], [], READY, None, []),
        ([given_up(10 * MINUTE)], [task(OLD, InferenceReason.CACHE_STALE)], PENDING, "cache_stale", []),
        (
            [given_up(10 * MINUTE, scan=ScanCounts(61, 61, 60, 0, 1))],
            [],
            PENDING,
            "cache_stale",
            ["cache_stale"],
        ),
        ([given_up(DAY, scan=ScanCounts(61, 61, 61))], [], READY, None, []),
        ([given_up(DAY, scan=ScanCounts(0, 1, 1))], [], READY, None, []),
    ],
)
def test_the_state_of_one_digest(
    snapshots: Sequence[DigestSnapshot],
    tasks: Sequence[InferenceTask],
    status: InferenceStatus,
    reason: str | None,
    enqueued: list[str],
) -> None:
    state, lookups = inference_of(image(), knowledge(snapshots, tasks), NOON)
    assert (state.status, state.reason) == (status, reason)
    assert [lookup.reason.value for lookup in lookups] == enqueued


def test_one_unknown_digest_makes_a_service_pending() -> None:
    state, lookups = inference_of(image(candidate=NEW), knowledge([snapshot(OLD, DAY)]), NOON)
    assert state == InferenceState(PENDING, "cache_miss", NOON - DAY)
    assert lookups == (Lookup(key(NEW), InferenceReason.CACHE_MISS, ("latest",)),)


def test_the_newest_snapshot_gives_the_age() -> None:
    state, _ = inference_of(
        image(candidate=NEW), knowledge([snapshot(OLD, 3 * DAY), snapshot(NEW, DAY)]), NOON
    )
    assert state == InferenceState(READY, None, NOON - DAY)


@pytest.mark.parametrize(
    "image",
    [
        None,
        image("1.4.0"),
        image(current=None),
        replace(image(), checked=False),
    ],
)
def test_a_version_tag_or_an_unknown_digest_needs_no_lookup(image: ServiceImage | None) -> None:
    assert inference_of(image, knowledge(), NOON) == (InferenceState(READY, "not_required"), ())


def test_every_reason_has_an_urgency() -> None:
    ordered = sorted(InferenceReason, key=lambda reason: reason.urgency)
    assert ordered[0] is InferenceReason.FORCE
    assert ordered[-1] is InferenceReason.STARTUP_WARMUP

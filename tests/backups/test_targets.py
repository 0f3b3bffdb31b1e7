from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from dockrev.backups.models import TargetResult, TargetSkipReason
from dockrev.backups.targets import CandidateTarget, candidate_targets
from dockrev.docker.data import BackupTarget, TargetKind, overlap, target_of
from dockrev.docker.inspect import ContainerDetail
from dockrev.docker.mounts import Mount
from dockrev.docker.snapshot import ContainerState
from dockrev.stacks.models import BackupChoice, ServiceSettings

INHERIT, SKIP, FORCE = BackupChoice.INHERIT, BackupChoice.SKIP, BackupChoice.FORCE
OWN = "/data/backups"


def mount(source: str, *, writable: bool = True, at: str = "/data") -> Mount:
    """A mount of a path or of a volume name, as in a compose file."""
    if source.startswith("/"):
        return Mount("bind", None, source, at, writable)
    return Mount("volume", source, f"/var/lib/docker/volumes/{source}/_data", at, writable)


def container(*mounts: Mount) -> ContainerDetail:
    return ContainerDetail(
        id="c",
        name="c",
        image_id="sha256:1",
        image="web",
        state=ContainerState.RUNNING,
        health=None,
        restart_count=0,
        started_at=None,
        exit_code=0,
        stop_timeout_seconds=10,
        healthcheck=None,
        labels={},
        mounts=mounts,
        networks=frozenset(),
        document={},
    )


def choosing(
    volumes: Mapping[str, BackupChoice] | None = None, paths: Mapping[str, BackupChoice] | None = None
) -> ServiceSettings:
    return ServiceSettings(True, paths or {}, volumes or {}, None)


def candidates(*services: tuple[ServiceSettings, Sequence[Mount]]) -> dict[str, CandidateTarget]:
    mounted = [(settings, [container(*mounts)]) for settings, mounts in services]
    return {each.target.source: each for each in candidate_targets(mounted, OWN)}


@pytest.mark.parametrize(
    "source",
    [
        "/",
        "/proc",
        "/sys/fs/cgroup",
        "/dev/dri",
        "/run/user/0",
        "/var/run/docker.sock",
        "/srv/app/app.sock",
        "/etc/localtime",
        "/etc/ssl/certs",
        "/usr/share/zoneinfo",
        "/var/lib/docker/containers",
        "/data",
        "/data/backups",
    ],
)
def test_data_of_the_host_is_no_target(source: str) -> None:
    assert candidates((choosing(), [mount(source)])) == {}
    assert candidates((choosing(paths={source: FORCE}), [mount(source)])) == {}


@pytest.mark.parametrize(
    "source", ["/srv/blog", "/etc/nginx", "/data/blog", "/processes", "/home/me/x", "blog_data", "a" * 64]
)
def test_named_and_anonymous_volumes_and_paths_are_targets(source: str) -> None:
    assert list(candidates((choosing(), [mount(source)]))) == [source]


def test_mounts_that_do_not_outlive_the_container_are_no_targets() -> None:
    assert target_of(Mount("tmpfs", None, "", "/tmp", True)) is None
    assert target_of(Mount("npipe", None, "x", "/x", True)) is None


@pytest.mark.parametrize(
    ("choices", "chosen"),
    [
        ([INHERIT, INHERIT], INHERIT),
        ([INHERIT, SKIP], INHERIT),
        ([SKIP, INHERIT], INHERIT),
        ([SKIP, SKIP], SKIP),
        ([SKIP, FORCE], FORCE),
        ([FORCE, INHERIT], FORCE),
        ([None, SKIP], INHERIT),
        ([None, None], INHERIT),
    ],
)
def test_for_a_shared_target_force_beats_inherit_and_inherit_beats_skip(
    choices: list[BackupChoice | None], chosen: BackupChoice
) -> None:
    settings = [choosing({"data": choice} if choice else {}) for choice in choices]
    candidate = candidates(*((each, [mount("data")]) for each in settings))["data"]
    assert candidate.choice is chosen


def test_a_choice_is_for_its_kind_of_target() -> None:
    settings = choosing(volumes={"/srv/blog": SKIP}, paths={"data": SKIP})
    assert {each.choice for each in candidates((settings, [mount("data"), mount("/srv/blog")])).values()} == {
        INHERIT
    }


@pytest.mark.parametrize(
    ("choice", "writable", "skipped"),
    [
        (INHERIT, True, None),
        (FORCE, True, None),
        (SKIP, True, TargetSkipReason.BY_USER),
        (INHERIT, False, TargetSkipReason.READ_ONLY),
        (FORCE, False, None),
        (SKIP, False, TargetSkipReason.BY_USER),
    ],
)
def test_read_only_data_is_skipped_unless_forced(
    choice: BackupChoice, writable: bool, skipped: TargetSkipReason | None
) -> None:
    candidate = candidates((choosing({"data": choice}), [mount("data", writable=writable)]))["data"]
    assert candidate.skipped is skipped


def test_a_target_is_writable_if_one_container_can_write() -> None:
    services = [(choosing(), [mount("data", writable=False)]), (choosing(), [mount("data", at="/other")])]
    candidate = candidates(*services)["data"]
    assert (candidate.skipped, candidate.destinations) == (None, ("/data", "/other"))


def test_a_forced_target_has_no_size_limit() -> None:
    assert candidates((choosing(), [mount("data")]))["data"].limit(100) == 100
    assert candidates((choosing({"data": FORCE}), [mount("data")]))["data"].limit(100) is None


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("/srv", "/srv", True),
        ("/srv", "/srv/blog", True),
        ("/srv/blog/uploads", "/srv/blog", True),
        ("/srv/blog", "/srv/blog2", False),
        ("data", "data", True),
        ("data", "data2", False),
        ("data", "/data", False),
    ],
)
def test_targets_that_hold_each_other_share_files(one: str, other: str, shared: bool) -> None:
    targets = [target_of(mount(source)) for source in (one, other)]
    assert targets[0] is not None
    assert targets[1] is not None
    assert overlap(targets[0], targets[1]) is shared


@pytest.mark.parametrize(
    ("result", "document"),
    [
        (
            TargetResult(BackupTarget(TargetKind.VOLUME, "data"), size_bytes=7, effective="inherit"),
            {
                "target": {"kind": "docker-volume", "name": "data"},
                "status": "included",
                "sizeBytes": 7,
                "effective": "inherit",
            },
        ),
        (
            TargetResult(BackupTarget(TargetKind.BIND, "/srv"), TargetSkipReason.BY_SIZE, size_bytes=8),
            {
                "target": {"kind": "bind-mount", "path": "/srv"},
                "status": "skipped",
                "reason": "skipped_by_size",
                "sizeBytes": 8,
            },
        ),
        (
            TargetResult(BackupTarget(TargetKind.BIND, "/srv"), TargetSkipReason.PROBE_ERROR, error="gone"),
            {
                "target": {"kind": "bind-mount", "path": "/srv"},
                "status": "skipped",
                "reason": "skipped_by_probe_error",
                "error": "gone",
            },
        ),
    ],
)
def test_the_result_of_a_target_has_the_form_of_the_api(result: TargetResult, document: object) -> None:
    assert result.as_json() == document
    assert BackupTarget.from_json(result.target.as_json()) == result.target  # type: ignore[arg-type]


def test_the_result_of_an_empty_directory_has_its_size() -> None:
    candidate = candidates((choosing(), [mount("data")]))["data"]
    assert replace(candidate.include(0)).as_json()["sizeBytes"] == 0

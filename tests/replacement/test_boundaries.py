"""Whenever the process ends between two steps, the same call resumes the replacement and reports the truth.

Nothing runs between two steps. So leaving a replacement there and calling it again has the effect of a kill.
"""

import pytest

from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.replacement.memory_journal import Killed, KillPoint, MemoryJournal
from dockrev.replacement.outcome import ReplacementResult, ServiceStatus
from dockrev.replacement.plan import ServiceChange
from dockrev.replacement.steps import STEPS
from tests.replacement.bench import ReplacementBench, changed_by_hand, runs, seen
from tests.testbed.images import Healthcheck
from tests.testbed.projects import Project
from tests.updates.story import CORRUPTING, HEALTHY, UNHEALTHY, hashes

KILL_POINTS = pytest.mark.parametrize("kill_point", list(KillPoint))
UPDATE = [step.name for step in STEPS]


async def killed_at_every_write(
    bench: ReplacementBench, project: Project, changes: tuple[ServiceChange, ...], kill_point: KillPoint
) -> tuple[ReplacementResult, int]:
    """Stops the replacement once at each write of the journal. Also returns the number of kills."""
    journal = bench.journal = MemoryJournal(1, kill_point)
    kills = 0
    while True:
        try:
            return await bench.replace(project, changes), kills
        except Killed:
            kills += 1
            # The next call repeats a write that was not stored, and this repetition has to succeed.
            journal.die_at = journal.writes + (2 if kill_point is KillPoint.BEFORE_WRITE else 1)


def statuses(result: ReplacementResult) -> list[ServiceStatus]:
    return [outcome.status for outcome in result.services]


def assert_clean(bench: ReplacementBench, project: Project) -> None:
    tags = [tag for image in bench.engine.api.get("/images/json") for tag in image["RepoTags"] or ()]
    assert not [tag for tag in tags if tag.startswith("dockrev/rollback:job_bench")]
    assert all(name.startswith(project.name) for name in seen(project))


@KILL_POINTS
async def test_a_good_update(bench: ReplacementBench, kill_point: KillPoint) -> None:
    bench.push("web", "1", healthcheck=HEALTHY)
    project = await bench.deploy({"web": bench.service("web")})
    new = bench.push("web", "2", healthcheck=HEALTHY)
    changes = await bench.changes(project, "web")

    result, kills = await killed_at_every_write(bench, project, changes, kill_point)

    assert statuses(result) == [ServiceStatus.UPDATED], result
    assert kills == len(UPDATE) + 2  # the backup and the outcome
    assert (bench.tell.done("web"), bench.tell.done()) == (UPDATE, ["backup"])
    assert runs(project, "web") == {str(new.image_id)}
    assert not await changed_by_hand(project)
    assert_clean(bench, project)


@KILL_POINTS
async def test_a_bad_update_without_data(bench: ReplacementBench, kill_point: KillPoint) -> None:
    old = bench.push("web", "1")
    project = await bench.deploy({"web": bench.service("web")})
    bench.push("web", "2", healthcheck=UNHEALTHY)
    changes = await bench.changes(project, "web")

    result, _ = await killed_at_every_write(bench, project, changes, kill_point)

    assert statuses(result) == [ServiceStatus.ROLLED_BACK], result
    assert bench.tell.done("web") == [*UPDATE[: UPDATE.index("verify")], "rollback"]
    assert runs(project, "web") == {str(old.image_id)}
    assert not await changed_by_hand(project)
    assert_clean(bench, project)


@KILL_POINTS
async def test_two_services_that_share_an_image_and_data_roll_back_together(
    bench: ReplacementBench, kill_point: KillPoint
) -> None:
    """The second service fails. The shared data is restored once."""
    roles = ("web", "worker")
    old = bench.push("app", "1")
    services = {
        role: bench.service("app", volumes=["data:/data"], environment={"ROLE": role}) for role in roles
    }
    services["worker"]["depends_on"] = ["web"]
    project = await bench.deploy(services, volumes={"data": {}})
    volume = BackupTarget(TargetKind.VOLUME, f"{project.name}_data")
    directory = bench.data.path(volume)
    (directory / "table").write_text("rows\n")
    bench.data.targets.append(volume)
    before = hashes(directory)
    fails = Healthcheck('test "$ROLE" != worker', interval_seconds=0.3, retries=2)
    bench.push("app", "2", healthcheck=fails, command=CORRUPTING)
    changes = await bench.changes(project, *roles)

    result, _ = await killed_at_every_write(bench, project, changes, kill_point)

    assert statuses(result) == [ServiceStatus.ROLLED_BACK] * 2, result
    assert bench.tell.done("web") == [*UPDATE, "rollback"]
    assert bench.tell.done("worker") == [*UPDATE[: UPDATE.index("verify")], "rollback"]
    assert [runs(project, role) for role in roles] == [{str(old.image_id)}] * 2
    assert hashes(directory) == before
    assert not await changed_by_hand(project)
    assert_clean(bench, project)

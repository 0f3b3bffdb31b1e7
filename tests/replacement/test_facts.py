"""Journal entries of this release, of earlier releases without schema numbers, and of newer releases.

An earlier release wrote `unnumbered_journal.json`.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from dockrev.blockers import Blocker
from dockrev.compose.models import ProjectFiles
from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.replacement import facts
from dockrev.replacement.outcome import BackupStep, ServiceOutcome, ServiceStatus
from dockrev.replacement.proof import Fingerprint, Setting
from dockrev.replacement.service_run import RollbackRequest
from dockrev.replacement.state import Dependent, PreviousState

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64
UNNUMBERED: dict[str, Any] = json.loads(Path(__file__).with_name("unnumbered_journal.json").read_text())

STATE = PreviousState(
    files=ProjectFiles("blog", (Path("/srv/blog/compose.yaml"),), Path("/srv/blog")),
    image=OLD,
    container_ids=("c1",),
    healthy=True,
    fingerprints=(Fingerprint("h1", {"host.Memory": Setting(64), "mount./data": Setting(["volume", "x"])}),),
    dependents={"rider": Dependent("rider:1", NEW, 1, healthy=False)},
    data=(BackupTarget(TargetKind.VOLUME, "data"),),
    config_digest="d1",
)


@pytest.mark.parametrize(
    "value",
    [
        STATE,
        RollbackRequest("it is unhealthy", "verify", cancelled=True),
        ServiceOutcome("svc_web", "web", ServiceStatus.FAILED, "why", "pull", old_image=OLD),
        ServiceOutcome("svc_web", "web", ServiceStatus.FAILED, blockers=(Blocker("a", "b", "c"),)),
        BackupStep("bkp_1", {"status": "success", "targets": [{"a": 1}]}, False, True),
    ],
)
def test_an_entry_is_decoded_as_it_was_encoded(value: Any) -> None:
    stored = json.loads(json.dumps(facts.numbered(facts.encode(value))))
    understood = facts.understood({"entry": stored})["entry"]
    assert facts.decode(understood, type(value)) == value


def test_the_state_that_an_earlier_release_recorded_is_understood() -> None:
    entry = facts.understood({"record": UNNUMBERED["record"]})["record"]
    state = facts.decode(entry, PreviousState)

    assert state.files.env_files == (Path("/srv/blog/.env"),)
    assert (state.healthy, state.proven_healthy, state.config_digest) == (True, True, "d1")
    assert state.fingerprints[0].settings["host.Memory"] == Setting(64_000_000)
    assert state.data == (BackupTarget(TargetKind.VOLUME, "blog_data"),)
    rider = state.dependents["rider"]
    assert (rider.image, rider.healthy, rider.config_digest) == (NEW, True, "d2")
    assert rider.fingerprints[0].config_hash == "h1"


def test_the_other_entries_of_an_earlier_release_are_understood() -> None:
    names = ("turned_back", "outcome", "backup")
    entries = facts.understood({name: UNNUMBERED[name] for name in names})

    request = facts.decode(entries[facts.ROLLBACK_REQUEST], RollbackRequest)
    assert request == RollbackRequest("container blog-web-1 is unhealthy", "verify")
    outcome = facts.decode(entries[facts.OUTCOME], ServiceOutcome)
    assert (outcome.status, outcome.new_image) == (ServiceStatus.UPDATED, NEW)
    backup = facts.decode(entries[facts.BACKUP], BackupStep)
    assert (backup.id, backup.required_failed, backup.restore_on_rollback) == ("bkp_1", False, True)


def test_an_entry_of_a_newer_release_is_refused() -> None:
    with pytest.raises(facts.UnreadableJournal, match=r"newer release .*\(schema 7, this release reads"):
        facts.understood({"record": {"schema": 7, "files": None}})


def test_a_damaged_entry_is_refused_and_not_an_internal_error() -> None:
    with pytest.raises(facts.UnreadableJournal, match="container_ids"):
        facts.decode({**facts.encode(STATE), "container_ids": 5}, PreviousState)

"""Whole replacements: resuming them, refusing them, and the order of their reports."""

from collections.abc import Mapping
from typing import Any

import pytest

from dockrev.replacement import facts
from dockrev.replacement.memory_journal import Killed, MemoryJournal
from dockrev.replacement.outcome import ServiceStatus
from dockrev.replacement.replace import PROJECT
from dockrev.replacement.steps import STEPS
from tests.replacement.bench import ReplacementBench, changed_by_hand, runs, seen
from tests.updates.story import UNHEALTHY

EARLIER_NAMES = {
    "dependents": "sharing",
    "fingerprints": "testimonies",
    "healthy": "sound",
    "proven_healthy": "proven",
    "config_digest": "made_from",
    "required_failed": "blocks",
    "restore_on_rollback": "restores",
}


def as_an_earlier_release(entry: str, content: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The entry as an earlier release wrote it, without a schema number."""
    fields = {EARLIER_NAMES.get(name, name): value for name, value in content.items() if name != "schema"}
    if entry == facts.RECORD:
        fields["sharing"] = {
            service: {EARLIER_NAMES.get(name, name): value for name, value in one.items()}
            for service, one in fields["sharing"].items()
        }
    return {"rollback_request": "turned_back"}.get(entry, entry), fields


async def journal_of_an_earlier_release(journal: MemoryJournal, *subjects: str) -> MemoryJournal:
    earlier = MemoryJournal()
    for subject in (PROJECT, *subjects):
        for entry, content in (await journal.read(subject)).items():
            await earlier.write(subject, *as_an_earlier_release(entry, content))
    return earlier


async def test_an_unfinished_replacement_of_an_earlier_release_is_resumed(bench: ReplacementBench) -> None:
    """Every entry of a rollback's journal is the last one once."""
    for name in ("web", "rider"):
        bench.push(name, "1")
    project = await bench.deploy(
        {"web": bench.service("web"), "rider": bench.service("rider", network_mode="service:web")}
    )
    old = runs(project, "web")
    bench.push("web", "2", healthcheck=UNHEALTHY)
    changes = await bench.changes(project, "web")
    journal = bench.journal = MemoryJournal(1)
    result = None
    while result is None:
        try:
            result = await bench.replace(project, changes)
        except Killed:
            journal = bench.journal = await journal_of_an_earlier_release(journal, "svc_web")
            journal.die_at = journal.writes + 1

    assert [one.status for one in result.services] == [ServiceStatus.ROLLED_BACK], result
    assert runs(project, "web") == old
    assert bench.tell.done("web") == ["record", "preflight", "pull", "tag", "apply", "rollback"]
    assert not await changed_by_hand(project)


async def test_a_journal_of_a_newer_release_stops_the_replacement_before_it_changes_anything(
    bench: ReplacementBench,
) -> None:
    bench.push("web", "1")
    project = await bench.deploy({"web": bench.service("web")})
    bench.push("web", "2")
    changes = await bench.changes(project, "web")
    await bench.journal.write("svc_web", "record", {"schema": 99})
    before = seen(project)

    with pytest.raises(facts.UnreadableJournal, match="newer release"):
        await bench.replace(project, changes)

    assert seen(project) == before


async def test_services_change_in_dependency_order_and_by_the_table_of_steps(
    bench: ReplacementBench,
) -> None:
    for name in ("web", "db"):
        bench.push(name, "1")
    project = await bench.deploy({"web": bench.service("web", depends_on=["db"]), "db": bench.service("db")})
    for name in ("web", "db"):
        bench.push(name, "2")
    changes = await bench.changes(project, "web", "db")

    result = await bench.replace(project, changes)

    assert [(one.name, one.status) for one in result.services] == [
        ("web", ServiceStatus.UPDATED),
        ("db", ServiceStatus.UPDATED),
    ]
    assert (bench.tell.order, bench.tell.finished) == (["db", "web"], ["db", "web"])
    assert bench.tell.done("web") == bench.tell.done("db") == [step.name for step in STEPS]

"""How `dockrev check` finds versions within its time limit, and continues where the last run stopped."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dockrev.clock import timestamp
from tests.cli.command import Cli
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry


def deploy(host: FakeHost, registry: FakeRegistry, versions: int) -> None:
    """The service runs 1.0.0, the oldest of `versions` versions. `latest` names the newest."""
    digests = [registry.push("app", f"1.{minor}.0") for minor in range(versions)]
    registry.retag("app", "latest", digests[-1])
    host.deploy("blog", {"web": f"{registry.host}/app:latest"})
    host.engine.images[-1].repo_digests = (f"{registry.host}/app@{digests[0]}",)


def cache_of(cli: Cli) -> Path:
    (file,) = (cli.directory / ".cache" / "dockrev").glob("*.sqlite3")
    return file


def age_snapshots(cli: Cli, minutes: int) -> None:
    checked_at = timestamp(datetime.now(UTC) - timedelta(minutes=minutes))
    with closing(sqlite3.connect(cache_of(cli))) as cache, cache:
        cache.execute("UPDATE digest_snapshots SET checked_at = ?", [checked_at])


def requested_versions(registry: FakeRegistry) -> list[str]:
    """The version tags that got a HEAD request."""
    tags = (line.rpartition("/")[2] for line in registry.requests if line.startswith("HEAD"))
    return [tag for tag in tags if tag != "latest"]


async def running_version(cli: Cli) -> str | None:
    version: str | None = (await cli.run("check", "--json")).rows["blog/web"]["runningVersion"]
    return version


async def test_the_backfill_finds_a_version_that_the_budget_of_a_lookup_does_not_reach(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry, 60)
    assert await running_version(cli) == "1.0.0"
    assert sorted(set(requested_versions(fake_registry))) == sorted(requested_versions(fake_registry)), (
        "none of them twice"
    )


async def test_the_next_check_does_not_ask_for_a_version_that_is_known(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry, 60)
    await cli.run("check")
    for minutes in (0, 11):
        age_snapshots(cli, minutes)
        fake_registry.forget_counts()
        assert await running_version(cli) == "1.0.0"
        assert (requested_versions(fake_registry), fake_registry.counts["tags"]) == ([], 0)


async def test_the_next_run_continues_a_search_that_used_up_its_budget(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry, 200)
    assert await running_version(cli) is None
    first = requested_versions(fake_registry)
    assert 100 < len(first) <= 1 + 40 + 100, "the candidate, a lookup for the running digest, and 25 steps"
    fake_registry.forget_counts()
    assert await running_version(cli) == "1.0.0"
    assert not set(first) & set(requested_versions(fake_registry))


async def test_the_search_ends_when_every_tag_was_asked_and_none_names_the_digest(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry, 60)
    fake_registry.delete_tag("app", "1.0.0")
    assert await running_version(cli) is None
    age_snapshots(cli, 11)
    fake_registry.forget_counts()
    assert await running_version(cli) is None
    assert (requested_versions(fake_registry), fake_registry.counts["tags"]) == ([], 0)


async def test_a_database_that_fails_during_the_search_is_an_error_in_one_line(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    await cli.run("check")
    deploy(host, fake_registry, 3)
    with closing(sqlite3.connect(cache_of(cli))) as cache, cache:
        cache.execute("ALTER TABLE inference_tasks RENAME TO elsewhere")
        cache.execute("CREATE VIEW inference_tasks AS SELECT * FROM elsewhere")
    result = await cli.run("check")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"dockrev: database {cache_of(cli)}: ")
    assert len(result.err.splitlines()) == 1


async def test_the_summary_uses_the_singular_for_one_service(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry, 2)
    assert (await cli.run("check")).out.splitlines()[-1] == "1 service, 1 with an update waiting"

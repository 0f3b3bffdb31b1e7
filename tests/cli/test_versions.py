"""How `dockrev check` finds versions: within its time, on from where the last run stopped."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dockrev.clock import timestamp
from tests.cli.command import Cli
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry


def deploy(host: FakeHost, registry: FakeRegistry, versions: int) -> None:
    """`latest` runs as the oldest of so many versions, 1.0.0, and has become the newest."""
    made = [registry.push("app", f"1.{minor}.0") for minor in range(versions)]
    registry.retag("app", "latest", made[-1])
    host.deploy("blog", {"web": f"{registry.host}/app:latest"})
    host.engine.images[-1].repo_digests = (f"{registry.host}/app@{made[0]}",)


def cache_of(cli: Cli) -> Path:
    (file,) = (cli.directory / ".cache" / "dockrev").glob("*.sqlite3")
    return file


def minutes_pass(cli: Cli, minutes: int) -> None:
    then = timestamp(datetime.now(UTC) - timedelta(minutes=minutes))
    with closing(sqlite3.connect(cache_of(cli))) as cache, cache:
        cache.execute("UPDATE digest_snapshots SET checked_at = ?", [then])


def asked(registry: FakeRegistry) -> list[str]:
    """The versions that were asked about."""
    tags = (line.rpartition("/")[2] for line in registry.requests if line.startswith("HEAD"))
    return [tag for tag in tags if tag != "latest"]


async def running_version(cli: Cli) -> str | None:
    version: str | None = (await cli.run("check", "--json")).rows["blog/web"]["runningVersion"]
    return version


async def test_a_version_beyond_the_budget_of_a_look_is_found_by_the_same_run(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry, 60)
    assert await running_version(cli) == "1.0.0"
    assert sorted(set(asked(fake_registry))) == sorted(asked(fake_registry)), "none of them twice"


async def test_what_was_found_once_is_not_asked_again(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry, 60)
    await cli.run("check")
    for minutes in (0, 11):
        minutes_pass(cli, minutes)
        fake_registry.forget_counts()
        assert await running_version(cli) == "1.0.0"
        assert (asked(fake_registry), fake_registry.counts["tags"]) == ([], 0)


async def test_a_search_that_ran_out_of_its_budget_goes_on_in_the_next_run(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry, 200)
    assert await running_version(cli) is None
    first = asked(fake_registry)
    assert 100 < len(first) <= 1 + 40 + 100, "the candidate, a look for what runs, and 25 steps"
    fake_registry.forget_counts()
    assert await running_version(cli) == "1.0.0"
    assert not set(first) & set(asked(fake_registry))


async def test_a_digest_that_no_tag_names_is_given_up_when_every_tag_has_answered(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry, 60)
    fake_registry.delete_tag("app", "1.0.0")
    assert await running_version(cli) is None
    minutes_pass(cli, 11)
    fake_registry.forget_counts()
    assert await running_version(cli) is None
    assert (asked(fake_registry), fake_registry.counts["tags"]) == ([], 0)


async def test_a_database_that_fails_while_versions_are_found_is_told_in_a_sentence(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    await cli.run("check")
    deploy(host, fake_registry, 3)
    with closing(sqlite3.connect(cache_of(cli))) as cache, cache:
        cache.execute("ALTER TABLE inference_tasks RENAME TO elsewhere")
        cache.execute("CREATE VIEW inference_tasks AS SELECT * FROM elsewhere")
    said = await cli.run("check")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"dockrev: database {cache_of(cli)}: ")
    assert len(said.err.splitlines()) == 1


async def test_one_service_is_one_service(cli: Cli, host: FakeHost, fake_registry: FakeRegistry) -> None:
    deploy(host, fake_registry, 2)
    assert (await cli.run("check")).out.splitlines()[-1] == "1 service, 1 with an update waiting"

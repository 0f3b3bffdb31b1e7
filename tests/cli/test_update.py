"""`dockrev update` on a host where there is nothing to do, or nothing may be done."""

from pathlib import Path

from tests.cli.command import Cli
from tests.e2e.server_process import ServerProcess
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry


def deploy(host: FakeHost, registry: FakeRegistry) -> None:
    registry.push("web", "1")
    host.deploy("blog", {"web": f"{registry.host}/web:1"})


async def test_a_service_without_an_update_is_no_trouble(cli: Cli, host: FakeHost) -> None:
    host.deploy("blog", {"web": "localhost/web:1@sha256:" + "0" * 64})

    said = await cli.run("update", "--yes", "blog")

    assert said.out.splitlines()[-1] == "Nothing to update."
    assert (said.code, said.err) == (0, "")


async def test_without_a_terminal_it_wants_a_yes_and_changes_nothing(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry)

    said = await cli.run("update", "web")

    assert said.code == 2
    assert "blog" in said.out
    assert said.err == ("dockrev: there is no terminal to ask on; say --yes, or look first with --dry-run\n")
    assert {call.partition(" ")[0] for call in host.engine.calls} == {"GET"}


async def test_a_name_that_fits_nothing_is_told(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry)

    said = await cli.run("update", "--yes", "shop")

    assert said.code == 2
    assert "no project or service is called 'shop' (projects found: blog)" in said.err


async def test_a_registry_without_an_answer_leaves_its_services_alone_and_ends_with_2(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.fail("web").status = 500
    host.deploy("blog", {"web": f"{fake_registry.host}/web:1"})

    said = await cli.run("update", "--yes", "blog")

    assert said.code == 2
    assert "blog/web is left alone: " in said.err
    assert said.out.splitlines()[-1] == "Nothing to update."


async def test_an_engine_that_is_away_is_told_in_a_sentence(tmp_path: Path) -> None:
    said = await Cli(tmp_path, f"unix://{tmp_path}/nowhere.sock").run("update", "--yes", "web")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("dockrev: ")
    assert "Traceback" not in said.err


async def test_while_a_server_keeps_the_record_its_api_is_the_way(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry, tmp_path: Path
) -> None:
    deploy(host, fake_registry)
    server = ServerProcess(tmp_path, host.docker_host)
    async with server.running():
        said = await cli.run("update", "--yes", "web", DOCKREV_DB_PATH=str(server.db_path))

    assert (said.code, said.out) == (2, "")
    assert "another Dockrev server uses it; update through that server's API (POST /api/updates)" in said.err


async def test_a_service_has_to_be_named(cli: Cli) -> None:
    said = await cli.run("update", "--yes")

    assert (said.code, said.out) == (2, "")
    assert "--help" in said.err

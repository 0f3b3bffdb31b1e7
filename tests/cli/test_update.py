"""`dockrev update` when there is nothing to update, and when it must not change anything."""

from pathlib import Path

from tests.cli.command import Cli
from tests.e2e.server_process import ServerProcess
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry


def deploy(host: FakeHost, registry: FakeRegistry) -> None:
    registry.push("web", "1")
    host.deploy("blog", {"web": f"{registry.host}/web:1"})


async def test_a_service_without_an_update_ends_with_0(cli: Cli, host: FakeHost) -> None:
    host.deploy("blog", {"web": "localhost/web:1@sha256:" + "0" * 64})

    result = await cli.run("update", "--yes", "blog")

    assert result.out.splitlines()[-1] == "Nothing to update."
    assert (result.code, result.err) == (0, "")


async def test_an_update_without_a_terminal_and_without_yes_changes_nothing(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry)

    result = await cli.run("update", "web")

    assert result.code == 2
    assert "blog" in result.out
    assert result.err == (
        "dockrev: there is no terminal to ask on; use --yes, or check first with --dry-run\n"
    )
    assert {call.partition(" ")[0] for call in host.engine.calls} == {"GET"}


async def test_the_error_for_an_unknown_name_lists_the_projects(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy(host, fake_registry)

    result = await cli.run("update", "--yes", "shop")

    assert result.code == 2
    assert "no project or service is called 'shop' (projects found: blog)" in result.err


async def test_a_service_whose_registry_fails_is_left_alone_and_the_command_ends_with_2(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.fail("web").status = 500
    host.deploy("blog", {"web": f"{fake_registry.host}/web:1"})

    result = await cli.run("update", "--yes", "blog")

    assert result.code == 2
    assert "blog/web is left alone: " in result.err
    assert result.out.splitlines()[-1] == "Nothing to update."


async def test_a_missing_engine_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    result = await Cli(tmp_path, f"unix://{tmp_path}/nowhere.sock").run("update", "--yes", "web")

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("dockrev: ")
    assert "Traceback" not in result.err


async def test_the_command_is_refused_while_a_server_runs_and_names_its_api(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry, tmp_path: Path
) -> None:
    deploy(host, fake_registry)
    server = ServerProcess(tmp_path, host.docker_host)
    async with server.running():
        result = await cli.run("update", "--yes", "web", DOCKREV_DB_PATH=str(server.db_path))

    assert (result.code, result.out) == (2, "")
    assert (
        "another Dockrev server uses it; update through that server's API (POST /api/updates)" in result.err
    )


async def test_an_update_without_a_name_is_refused(cli: Cli) -> None:
    result = await cli.run("update", "--yes")

    assert (result.code, result.out) == (2, "")
    assert "--help" in result.err

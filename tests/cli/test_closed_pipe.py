"""Commands whose output nobody reads to its end, as in `dockrev check | head -1`."""

import asyncio
import os
import sys

import pytest

from tests.cli.command import Cli, CommandResult
from tests.e2e.server_process import ServerProcess, environment
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry

GOES_ON = """
import sys
from dockrev.cli.output import outlive_readers
outlive_readers()
for _ in range(3):
    print("x" * 100_000, flush=True)
print("the rest, flushed at the end")
print("done", file=sys.stderr)
sys.exit(7)
"""


async def unread(cli: Cli, *command: str, stderr_too: bool = False) -> CommandResult:
    """Runs the command with its output in a pipe whose reader is closed."""
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=cli.directory,
        env=environment(cli.directory, cli.docker_host),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=writer,
        stderr=writer if stderr_too else asyncio.subprocess.PIPE,
    )
    os.close(writer)
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert process.returncode is not None
    return CommandResult(process.returncode, "", (err or b"").decode())


@pytest.mark.parametrize("command", ["check", "check --json", "doctor"], ids=str)
async def test_a_command_that_only_reads_ends_with_the_code_of_sigpipe(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry, command: str
) -> None:
    fake_registry.push("app", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/app:1"})
    result = await unread(cli, "-m", "dockrev", *command.split())
    assert (result.code, result.err) == (141, "")


async def test_the_list_of_backups_ends_with_the_code_of_sigpipe(cli: Cli) -> None:
    server = ServerProcess(cli.directory, cli.docker_host)
    await server.started()
    await server.stop()
    for command in (["list"], ["list", "--json"]):
        result = await unread(cli, "-m", "dockrev", "backup", *command)
        assert (result.code, result.err) == (141, "")


@pytest.mark.parametrize("command", ["--help", "--version", "check --help"], ids=str)
async def test_help_prints_no_error(cli: Cli, command: str) -> None:
    result = await unread(cli, "-m", "dockrev", *command.split())
    assert (result.code, result.err) == (0, "")


async def test_a_check_ends_the_same_way_when_nobody_reads_its_errors(cli: Cli) -> None:
    nowhere = Cli(cli.directory, "unix:///nowhere/docker.sock")
    assert (await unread(nowhere, "-m", "dockrev", "check", stderr_too=True)).code == 141


async def test_a_command_that_changes_something_runs_to_its_end(cli: Cli) -> None:
    """An update must not stop half-way only because its reader is gone."""
    assert await unread(cli, "-c", GOES_ON) == CommandResult(7, "", "done\n")


async def test_a_command_works_without_a_standard_output(cli: Cli) -> None:
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        f'"{sys.executable}" -m dockrev --version >&-',
        cwd=cli.directory,
        env=environment(cli.directory, cli.docker_host),
    )
    assert await process.wait() == 0

"""`dockrev check | head -1`: nobody reads the output to its end."""

import asyncio
import os
import sys

import pytest

from tests.cli.command import Cli, Said
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


async def unread(cli: Cli, *command: str, stderr_too: bool = False) -> Said:
    """Its output goes into a pipe whose reader has left."""
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
        _, told = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, "", (told or b"").decode())


@pytest.mark.parametrize("command", ["check", "check --json", "doctor"], ids=str)
async def test_what_only_looks_ends_as_by_sigpipe(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry, command: str
) -> None:
    fake_registry.push("app", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/app:1"})
    said = await unread(cli, "-m", "dockrev", *command.split())
    assert (said.code, said.err) == (141, "")


async def test_so_does_a_list_of_backups(cli: Cli) -> None:
    server = ServerProcess(cli.directory, cli.docker_host)
    await server.started()
    await server.stop()
    for command in (["list"], ["list", "--json"]):
        said = await unread(cli, "-m", "dockrev", "backup", *command)
        assert (said.code, said.err) == (141, "")


@pytest.mark.parametrize("command", ["--help", "--version", "check --help"], ids=str)
async def test_help_is_quiet_too(cli: Cli, command: str) -> None:
    said = await unread(cli, "-m", "dockrev", *command.split())
    assert (said.code, said.err) == (0, "")


async def test_the_errors_of_a_check_need_no_reader_either(cli: Cli) -> None:
    nowhere = Cli(cli.directory, "unix:///nowhere/docker.sock")
    assert (await unread(nowhere, "-m", "dockrev", "check", stderr_too=True)).code == 141


async def test_what_changes_something_goes_on_to_its_own_end(cli: Cli) -> None:
    """An update that ended with its reader would leave a service half done."""
    assert await unread(cli, "-c", GOES_ON) == Said(7, "", "done\n")


async def test_a_missing_output_is_as_good_as_an_unread_one(cli: Cli) -> None:
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        f'"{sys.executable}" -m dockrev --version >&-',
        cwd=cli.directory,
        env=environment(cli.directory, cli.docker_host),
    )
    assert await process.wait() == 0

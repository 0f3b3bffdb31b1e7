import asyncio
import sys
from pathlib import Path

import pytest

from tests.cli.command import Cli, outcome

COMMANDS = ("serve", "check", "doctor")


@pytest.fixture
def bare(tmp_path: Path) -> Cli:
    """On a machine with nothing on it."""
    return Cli(tmp_path, "unix:///nowhere/docker.sock")


async def test_help_lists_the_commands(bare: Cli) -> None:
    said = await bare.run("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert f" {command} " in said.out


async def test_no_command_shows_the_help(bare: Cli) -> None:
    without, with_help = await bare.run(), await bare.run("--help")
    assert (without.out + without.err).split() == with_help.out.split()
    assert without.code == 2


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("serve", ["Serve the API"]),
        ("check", ["--json", "PROJECT/SERVICE", "0 when nothing waits", "1 when updates wait", "2 when"]),
        ("doctor", ["engine, projects, Compose, database, logins, access"]),
    ],
)
async def test_each_command_explains_itself(bare: Cli, command: str, words: list[str]) -> None:
    said = await bare.run(command, "--help")
    text = " ".join(said.out.split())
    assert said.code == 0
    assert [word for word in words if word not in text] == []


async def test_the_version_is_told_whatever_the_configuration(bare: Cli) -> None:
    said = await bare.run("--version", APP_EFFECTIVE_VERSION="9.8.7", DOCKREV_LOG_LEVEL="loud")
    assert (said.code, said.out, said.err) == (0, "9.8.7\n", "")


@pytest.mark.parametrize("arguments", [("fly",), ("check", "--yaml"), ("serve", "now"), ("doctor", "who")])
async def test_what_it_does_not_know_ends_with_2_and_says_how_to_ask(
    bare: Cli, arguments: tuple[str, ...]
) -> None:
    said = await bare.run(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "--help" in said.err
    assert "Traceback" not in said.err


async def test_a_fault_of_its_own_ends_with_2_because_1_means_that_updates_wait(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from dockrev.__main__ import main\n"
        "from dockrev.cli.main import cli\n"
        "@cli.command()\n"
        "def stumble() -> None:\n"
        "    raise ZeroDivisionError('over a stone')\n"
        "sys.argv = ['dockrev', 'stumble']\n"
        "main()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said = await outcome(process)
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("ZeroDivisionError: over a stone\n")

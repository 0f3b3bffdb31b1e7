import asyncio
import sys
from pathlib import Path

import pytest

from tests.cli.command import Cli, outcome

COMMANDS = ("serve", "check", "update", "doctor")


@pytest.fixture
def bare(tmp_path: Path) -> Cli:
    """Commands on a machine without a Docker engine."""
    return Cli(tmp_path, "unix:///nowhere/docker.sock")


async def test_help_lists_the_commands(bare: Cli) -> None:
    result = await bare.run("--help")
    assert result.code == 0
    for command in COMMANDS:
        assert f" {command} " in result.out


async def test_dockrev_without_a_command_shows_the_help(bare: Cli) -> None:
    without, with_help = await bare.run(), await bare.run("--help")
    assert (without.out + without.err).split() == with_help.out.split()
    assert without.code == 2


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("serve", ["Serve the API"]),
        ("check", ["--json", "PROJECT/SERVICE", "0 when nothing waits", "1 when updates wait", "2 when"]),
        (
            "update",
            ["--dry-run", "--yes", "PROJECT/SERVICE", "0 when all", "1 when something", "2 when not all"],
        ),
        ("doctor", ["engine, projects, Compose, database, logins, access"]),
    ],
)
async def test_each_command_explains_itself(bare: Cli, command: str, words: list[str]) -> None:
    result = await bare.run(command, "--help")
    text = " ".join(result.out.split())
    assert result.code == 0
    assert [word for word in words if word not in text] == []


async def test_the_version_is_printed_even_with_a_faulty_configuration(bare: Cli) -> None:
    result = await bare.run("--version", APP_EFFECTIVE_VERSION="9.8.7", DOCKREV_LOG_LEVEL="loud")
    assert (result.code, result.out, result.err) == (0, "9.8.7\n", "")


@pytest.mark.parametrize("arguments", [("fly",), ("check", "--yaml"), ("serve", "now"), ("doctor", "who")])
async def test_unknown_arguments_end_with_2_and_a_hint_to_the_help(
    bare: Cli, arguments: tuple[str, ...]
) -> None:
    result = await bare.run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "--help" in result.err
    assert "Traceback" not in result.err


async def test_a_bug_ends_with_2_because_1_means_that_updates_wait(tmp_path: Path) -> None:
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
    result = await outcome(process)
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith("ZeroDivisionError: over a stone\n")

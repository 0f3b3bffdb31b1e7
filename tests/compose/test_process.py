import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from dockrev.compose.process import (
    MAX_LINE_LENGTH,
    MAX_OUTPUT_LENGTH,
    Command,
    Finished,
    Stream,
    collect,
    run,
)
from dockrev.errors import ComposeError

PATH = {"PATH": "/usr/bin:/bin"}


def shell(
    script: str, directory: Path, environment: Mapping[str, str] = PATH, timeout_seconds: float = 20
) -> Command:
    return Command(("sh", "-c", script), environment, directory, timeout_seconds)


async def gone(pid: int) -> None:
    """Returns when the process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(10):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def processes_in(directory: Path) -> list[str]:
    """The processes with this working directory. A zombie has none."""
    pids = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if link.readlink() == directory:
                pids.append(link.parent.name)
    return pids


def written_pid(directory: Path) -> int:
    """Reads the id from the file or pipe `pid`. It waits until a process writes into the pipe."""
    return int((directory / "pid").read_text())


async def test_the_exit_code_and_both_streams_are_collected(tmp_path: Path) -> None:
    done = await collect(shell("echo one; echo two >&2; echo three; exit 3", tmp_path))

    assert done == Finished(3, "one\nthree", "two")


async def test_lines_arrive_while_the_child_runs(tmp_path: Path) -> None:
    seen: list[tuple[Stream, str]] = []

    def answer(stream: Stream, line: str) -> None:
        seen.append((stream, line))
        (tmp_path / "go").touch()

    code = await run(
        shell("echo ready >&2; while [ ! -e go ]; do sleep 0.01; done; echo done", tmp_path), answer
    )

    assert (code, seen) == (0, [(Stream.ERR, "ready"), (Stream.OUT, "done")])


async def test_invalid_utf8_is_replaced(tmp_path: Path) -> None:
    done = await collect(shell(r"printf 'a\377b\r\n\nlast'", tmp_path))

    assert done.out == "a\N{REPLACEMENT CHARACTER}b\n\nlast"


async def test_the_child_gets_only_the_given_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKREV_SECRET", "s3cret")

    done = await collect(shell("env; cat; pwd", tmp_path, PATH | {"GIVEN": "yes"}))

    lines = set(done.out.splitlines())
    assert {"GIVEN=yes", str(tmp_path)} <= lines
    assert "s3cret" not in done.out


async def test_a_signal_gives_a_negative_exit_code(tmp_path: Path) -> None:
    assert (await collect(shell("kill -9 $$", tmp_path))).code == -9


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
async def test_a_timeout_kills_the_whole_process_group(tmp_path: Path, stubborn: str) -> None:
    script = f"{stubborn}sleep 1000 & echo $! > pid; wait; while :; do sleep 1; done"

    with pytest.raises(ComposeError, match=r"was ended after 0\.5 seconds"):
        await collect(shell(script, tmp_path, timeout_seconds=0.5))

    await gone(written_pid(tmp_path))


async def test_a_timeout_kills_a_grandchild_that_keeps_the_pipe_open(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match="was ended"):
        await collect(shell("sleep 1000 & echo $! > pid", tmp_path, timeout_seconds=0.5))

    await gone(written_pid(tmp_path))


async def test_cancelling_kills_the_whole_process_group(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pid")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(collect(shell("sleep 1000 & echo $! > pid; wait", tmp_path)))
        grandchild = await asyncio.to_thread(written_pid, tmp_path)
        task.cancel()

    assert task.cancelled()
    await gone(grandchild)


@pytest.mark.parametrize("turns", range(8))
async def test_cancelling_during_the_start_leaves_no_process(tmp_path: Path, turns: int) -> None:
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        task = group.create_task(collect(shell("sleep 1000 & wait", tmp_path)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()

    assert task.cancelled()
    assert processes_in(tmp_path) == []


async def test_an_error_in_the_line_callback_kills_the_child(tmp_path: Path) -> None:
    def refuse(_: Stream, line: str) -> None:
        raise LookupError(line)

    with pytest.raises(LookupError, match="hello"):
        await run(shell("echo $$ > pid; echo hello; sleep 1000", tmp_path), refuse)

    await gone(written_pid(tmp_path))


async def test_an_endless_line_kills_the_child(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match=f"a line of more than {MAX_LINE_LENGTH} bytes"):
        await collect(shell("echo $$ > pid; exec cat /dev/zero", tmp_path))

    await gone(written_pid(tmp_path))


async def test_endless_output_kills_the_child(tmp_path: Path) -> None:
    line = "x" * 65536
    (tmp_path / "lines").write_text(f"{line}\n" * (MAX_OUTPUT_LENGTH // 65536 + 1))

    with pytest.raises(ComposeError, match=f"more than {MAX_OUTPUT_LENGTH} bytes"):
        await collect(shell("cat lines", tmp_path))


@pytest.mark.parametrize("words", [("no-such-program",), ("/",), ("sh\0",)])
async def test_a_command_that_cannot_start_is_named_in_the_error(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    with pytest.raises(ComposeError, match="cannot be started"):
        await collect(Command(words, PATH, tmp_path, 5))


async def test_a_child_leads_its_own_process_group(tmp_path: Path) -> None:
    done = await collect(shell("ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat", tmp_path))

    assert int(done.out) != os.getpgrp()


_PARENT = """
import asyncio, pathlib, sys
from dockrev.compose.process import Command, run
words = ("sh", "-c", "echo $$; exec sleep 300")
command = Command(words, {"PATH": "/usr/bin:/bin"}, pathlib.Path("/"), 300)
asyncio.run(run(command, lambda _, line: print(line, flush=True)))
"""


async def test_a_child_dies_with_a_killed_parent() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PARENT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    parent.kill()
    await parent.communicate()
    await gone(child)

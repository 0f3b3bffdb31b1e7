"""Runs `compose up` for some services. A script replaces Compose."""

import asyncio
import shlex
from pathlib import Path

import pytest

from dockrev.compose.cli import Compose
from dockrev.compose.models import UpOrder
from dockrev.config.shared import DockerConfig
from dockrev.errors import ComposeError
from tests.compose.conftest import Folder
from tests.compose.scripts import Script, find
from tests.compose.test_process import gone


def version_1(directory: Path) -> Script:
    return Script(directory, version="1.29.2")


async def lines_of(script: Script, folder: Folder) -> list[str]:
    lines: list[str] = []
    await (await find(script)).up(UpOrder(folder.project(), ("web",)), lines.append)
    return lines


async def failure(script: Script, folder: Folder, timeout_seconds: float = 20) -> ComposeError:
    compose = await find(script)
    with pytest.raises(ComposeError) as failed:
        await compose.up(UpOrder(folder.project(), ("web",)), lambda _: None, timeout_seconds=timeout_seconds)
    return failed.value


async def test_v2_is_told_to_touch_only_the_named_services(script: Script, folder: Folder) -> None:
    files = folder.project("compose.yaml", "more.yaml", env_files=("a.env",))
    compose = await find(script)

    await compose.up(UpOrder(files, ("web", "-db"), {"web": 3}), lambda _: None)

    home = folder.path
    assert script.calls == [
        [
            "--project-name=blog",
            *("--project-directory", f"{home}"),
            *("--file", f"{home}/compose.yaml"),
            *("--file", f"{home}/more.yaml"),
            *("--env-file", f"{home}/a.env"),
            *("--profile", "*"),
            *("up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--remove-orphans=false"),
            *("--scale", "web=3", "--", "web", "-db"),
        ]
    ]


async def test_v1_gets_no_pull_option(tmp_path: Path, folder: Folder) -> None:
    script = version_1(tmp_path / "bin")

    await (await find(script)).up(UpOrder(folder.project(), ("web",)), lambda _: None)

    (words,) = script.calls
    assert words[words.index("up") :] == ["up", "--detach", "--no-deps", "--no-build", "--", "web"]


async def test_recreate_forces_new_containers(script: Script, folder: Folder) -> None:
    await (await find(script)).up(UpOrder(folder.project(), ("web",), recreate=True), lambda _: None)

    assert "--force-recreate" in script.calls[0]


async def test_up_line_shows_the_command_that_runs(script: Script, folder: Folder) -> None:
    compose = await find(script)

    shown = compose.up_line(UpOrder(folder.project(), ("web",), {"web": 2}))

    await compose.up(UpOrder(folder.project(), ("web",), {"web": 2}), lambda _: None)
    assert shlex.split(shown) == [str(script.path), *script.calls[0]]


async def test_up_line_masks_a_value_in_the_configured_command(script: Script, folder: Folder) -> None:
    config = DockerConfig(compose_bin=f"env TOKEN=s3cret {script.path}")

    shown = (await Compose.find(config)).up_line(UpOrder(folder.project(), ("web",)))

    assert shown.startswith(f"env 'TOKEN=***' {script.path} --project-name=blog ")


async def test_the_output_is_passed_on_line_by_line(script: Script, folder: Folder) -> None:
    script.answers(" Container blog-web-1  Recreate\n\n Container blog-web-1  Started\n")

    assert await lines_of(script, folder) == [
        "Container blog-web-1  Recreate",
        "Container blog-web-1  Started",
    ]


async def test_a_failure_gives_the_reason_without_the_progress(script: Script, folder: Folder) -> None:
    said = "Error response from daemon: Conflict. The container name is in use"
    script.answers("", f" Container blog-web-1  Recreate\n Container blog-web-1  {said}\n{said}\n", code=1)

    error = await failure(script, folder)

    assert error.message == f"`compose up` of web failed with exit code 1: {said}"


async def test_a_compose_up_that_hangs_is_killed(script: Script, folder: Folder) -> None:
    script.answers("", before="sleep 1000")

    assert "was ended after 0.5 seconds" in (await failure(script, folder, timeout_seconds=0.5)).message


async def test_cancelling_kills_compose_and_its_children(
    script: Script, folder: Folder, tmp_path: Path
) -> None:
    script.answers("", before="sleep 1000 & echo $! ; wait")
    compose, children = await find(script), asyncio.Queue[int]()

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        up = group.create_task(
            compose.up(UpOrder(folder.project(), ("web",)), lambda line: children.put_nowait(int(line)))
        )
        child = await children.get()
        up.cancel()

    assert up.cancelled()
    await gone(child)

"""`dockrev update` on a real engine: what it changes, what it leaves, and how it is interrupted."""

import asyncio
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.command import Cli, CommandResult, outcome
from tests.testbed.engine import Engine, RunningContainer
from tests.testbed.images import Healthcheck, Image, Images
from tests.testbed.projects import ComposeVersion, Project, Projects
from tests.testbed.registry import Pushed, Registry

SICK = Healthcheck("false", interval_seconds=1)
SLOW = Healthcheck("false", interval_seconds=600, start_period_seconds=600)
"""Says nothing for a long time."""


@dataclass(frozen=True)
class Updating:
    """A project with one service, and what its tag was moved to after it came up."""

    cli: Cli
    project: Project
    before: RunningContainer
    old: Image
    new: Image
    newest: Pushed
    started: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def run(self, *arguments: str, version: ComposeVersion = ComposeVersion.V2) -> CommandResult:
        return await outcome(await self.start(*arguments, version=version))

    async def start(
        self, *arguments: str, version: ComposeVersion = ComposeVersion.V2
    ) -> asyncio.subprocess.Process:
        settings = {"DOCKREV_COMPOSE_BIN": str(version.program)}
        process = await self.cli.start("update", f"{self.project.name}/web", *arguments, **settings)
        self.started.append(process)
        return process

    async def end(self) -> None:
        """Whatever a failed test left running."""
        for process in self.started:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    @property
    def runs(self) -> str:
        (container,) = self.project.containers("web")
        assert container.state == "running", container
        return container.image_id

    def untouched(self) -> bool:
        return [one.container_id for one in self.project.containers("web")] == [self.before.container_id]

    async def begun(self) -> None:
        """Returns when the new container is there."""

        def is_new(container: RunningContainer) -> bool:
            return container.image_id == self.new.image_id

        await asyncio.to_thread(self.project.until, "web", is_new)


Prepare = Callable[..., Updating]


@pytest.fixture
async def prepare(
    engine: Engine, projects: Projects, registry: Registry, images: Images, tmp_path: Path
) -> AsyncIterator[Prepare]:
    made: list[Updating] = []

    def prepared(
        *, healthcheck: Healthcheck | None = None, version: ComposeVersion = ComposeVersion.V2
    ) -> Updating:
        old = images.build("web", version="1", healthcheck=healthcheck and Healthcheck())
        new = images.build("web", version="2", healthcheck=healthcheck)
        service = {"image": registry.push(old, "web:1").name, "stop_grace_period": "1s"}
        project = projects.create("cli", {"web": service}, version=version)
        project.up()
        (before,) = project.containers("web")
        newest = registry.push(new, "web:1")
        made.append(Updating(Cli(tmp_path, engine.host), project, before, old, new, newest))
        return made[-1]

    yield prepared
    for updating in made:
        await updating.end()


async def test_a_dry_run_says_what_it_would_do_and_changes_nothing(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare)

    result = await updating.run("--dry-run")

    assert result.code == 0, result
    assert result.out.splitlines()[-1].startswith(f"{updating.project.name}/web: would be updated, at most ")
    assert updating.untouched()


@pytest.mark.parametrize("version", ComposeVersion)
async def test_a_confirmed_update_installs_what_the_tag_names_and_compose_agrees(
    prepare: Prepare, version: ComposeVersion
) -> None:
    updating = await asyncio.to_thread(prepare, version=version)

    result = await updating.run("--yes", version=version)
    (after,) = updating.project.containers("web")
    again = await updating.run("--yes", version=version)
    await asyncio.to_thread(updating.project.up)

    assert result.code == 0, result
    assert result.out.splitlines()[-1] == (
        f"{updating.project.name}/web: updated: "
        f"image {updating.old.image_id.short} -> {updating.new.image_id.short}"
    )
    assert "verify" in result.err, "without a terminal the log is told line by line"
    assert updating.runs == updating.new.image_id
    assert (again.code, again.out.splitlines()[-1]) == (0, "Nothing to update.")
    assert [one.container_id for one in updating.project.containers("web")] == [after.container_id]


async def test_an_image_that_does_not_become_healthy_is_rolled_back_and_ends_with_1(
    prepare: Prepare,
) -> None:
    updating = await asyncio.to_thread(prepare, healthcheck=SICK)

    result = await updating.run("--yes")

    assert result.code == 1, result
    assert result.out.splitlines()[-1].startswith(f"{updating.project.name}/web: rolled back: ")
    assert updating.runs == updating.old.image_id


@asynccontextmanager
async def on_a_terminal(updating: Updating) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The command with a terminal to ask on, and the operator's end of that terminal."""
    operator, terminal = pty.openpty()
    env = {**os.environ, "DOCKER_HOST": updating.cli.docker_host, "HOME": str(updating.cli.directory)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dockrev", "update", f"{updating.project.name}/web"),
        cwd=updating.cli.directory,
        env=env | {"DOCKREV_COMPOSE_BIN": str(ComposeVersion.V2.program)},
        stdin=terminal,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    updating.started.append(process)
    os.close(terminal)
    try:
        yield process, operator
    finally:
        os.close(operator)


async def until_asked(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(60):
        await process.stderr.readuntil(b"[y/n] (n): ")


@pytest.mark.parametrize("answer", [b"n\n", b"\n"])
async def test_it_asks_first_and_a_no_changes_nothing(prepare: Prepare, answer: bytes) -> None:
    updating = await asyncio.to_thread(prepare)

    async with on_a_terminal(updating) as (process, operator):
        await until_asked(process)
        os.write(operator, answer)
        result = await outcome(process)

    assert result.code == 2
    assert result.err.endswith("Nothing was changed.\n")
    assert updating.untouched()


async def test_ctrl_c_is_a_no_too(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare)

    async with on_a_terminal(updating) as (process, _):
        await until_asked(process)
        process.send_signal(signal.SIGINT)
        result = await outcome(process)

    assert result.code == 2
    assert result.err.endswith("Nothing was changed.\n")
    assert updating.untouched()


async def test_a_yes_is_enough(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare)

    async with on_a_terminal(updating) as (process, operator):
        await until_asked(process)
        os.write(operator, b"y\n")
        result = await outcome(process)

    assert result.code == 0, result
    assert updating.runs == updating.new.image_id


async def test_ctrl_c_in_the_middle_takes_the_update_back(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare, healthcheck=SLOW)
    process = await updating.start("--yes")
    await updating.begun()

    process.send_signal(signal.SIGINT)
    result = await outcome(process)

    assert result.code == 1, result
    assert "Cancelled: the changes made so far are rolled back." in result.err
    assert updating.runs == updating.old.image_id


async def test_ctrl_c_twice_leaves_it_in_the_middle_and_the_next_one_finishes_it(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare, healthcheck=SLOW)
    process = await updating.start("--yes")
    await updating.begun()
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    async with asyncio.timeout(30):
        await process.stderr.readuntil(b"Cancelled: ")

    process.send_signal(signal.SIGINT)
    left = await outcome(process)
    result = await updating.run()

    assert left.code == 2, left
    assert "left in the middle; the next `dockrev update` or `dockrev serve` finishes it" in left.err
    assert f"{updating.project.name}/web: rolled back: " in result.out.splitlines()[0]
    assert updating.runs == updating.old.image_id


async def test_what_was_killed_in_the_middle_is_finished_by_the_next_one(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare, healthcheck=SICK)
    process = await updating.start("--yes")
    await updating.begun()
    process.kill()
    await outcome(process)

    refused = await updating.run("--dry-run")
    result = await updating.run()

    assert (refused.code, refused.out) == (2, "")
    assert "an update was interrupted" in refused.err
    assert result.err.startswith("Finishing the update job_")
    assert f"{updating.project.name}/web: rolled back: " in result.out.splitlines()[0]
    assert updating.runs == updating.old.image_id

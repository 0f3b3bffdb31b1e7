"""`dockrev update` on a real engine: updates, rollbacks, and interruptions."""

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
from tests.soak import soak
from tests.testbed.engine import Engine, RunningContainer
from tests.testbed.images import Healthcheck, Image, Images
from tests.testbed.projects import ComposeVersion, Project, Projects
from tests.testbed.registry import Pushed, Registry

UNHEALTHY = Healthcheck("false", interval_seconds=1)
SLOW = Healthcheck("false", interval_seconds=600, start_period_seconds=600)
"""Has no result for a long time."""


@dataclass(frozen=True)
class Updating:
    """A project with one service, and the image that its tag names since the project came up."""

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
        """Kills the processes that a failed test left running."""
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
        containers = self.project.containers("web")
        return [container.container_id for container in containers] == [self.before.container_id]

    async def begun(self) -> None:
        """Returns when the new container exists."""

        def is_new(container: RunningContainer) -> bool:
            return container.image_id == self.new.image_id

        await asyncio.to_thread(self.project.until, "web", is_new)


Prepare = Callable[..., Updating]


@pytest.fixture
async def prepare(
    engine: Engine, projects: Projects, registry: Registry, images: Images, tmp_path: Path
) -> AsyncIterator[Prepare]:
    all_prepared: list[Updating] = []

    def create(
        *, healthcheck: Healthcheck | None = None, version: ComposeVersion = ComposeVersion.V2
    ) -> Updating:
        old = images.build("web", version="1", healthcheck=healthcheck and Healthcheck())
        new = images.build("web", version="2", healthcheck=healthcheck)
        service = {"image": registry.push(old, "web:1").name, "stop_grace_period": "1s"}
        project = projects.create("cli", {"web": service}, version=version)
        project.up()
        (before,) = project.containers("web")
        newest = registry.push(new, "web:1")
        all_prepared.append(Updating(Cli(tmp_path, engine.host), project, before, old, new, newest))
        return all_prepared[-1]

    yield create
    for updating in all_prepared:
        await updating.end()


async def test_a_dry_run_prints_what_it_would_do_and_changes_nothing(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare)

    result = await updating.run("--dry-run")

    assert result.code == 0, result
    assert result.out.splitlines()[-1].startswith(f"{updating.project.name}/web: would be updated, at most ")
    assert updating.untouched()


@pytest.mark.parametrize("version", [ComposeVersion.V2, soak(ComposeVersion.V1)])
async def test_an_update_installs_the_image_of_the_tag_and_compose_up_changes_nothing_after_it(
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
    assert "verify" in result.err, "without a terminal, the command prints every log line"
    assert updating.runs == updating.new.image_id
    assert (again.code, again.out.splitlines()[-1]) == (0, "Nothing to update.")
    containers = updating.project.containers("web")
    assert [container.container_id for container in containers] == [after.container_id]


async def test_an_image_that_does_not_become_healthy_is_rolled_back_and_ends_with_1(
    prepare: Prepare,
) -> None:
    updating = await asyncio.to_thread(prepare, healthcheck=UNHEALTHY)

    result = await updating.run("--yes")

    assert result.code == 1, result
    assert result.out.splitlines()[-1].startswith(f"{updating.project.name}/web: rolled back: ")
    assert updating.runs == updating.old.image_id


@asynccontextmanager
async def on_a_terminal(updating: Updating) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Starts the command with a terminal, and yields it with the operator's end of the terminal."""
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


@pytest.mark.parametrize("answer", [soak(b"n\n"), b"\n"])
async def test_the_command_asks_first_and_a_no_changes_nothing(prepare: Prepare, answer: bytes) -> None:
    updating = await asyncio.to_thread(prepare)

    async with on_a_terminal(updating) as (process, operator):
        await until_asked(process)
        os.write(operator, answer)
        result = await outcome(process)

    assert result.code == 2
    assert result.err.endswith("Nothing was changed.\n")
    assert updating.untouched()


async def test_ctrl_c_at_the_question_counts_as_no(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare)

    async with on_a_terminal(updating) as (process, _):
        await until_asked(process)
        process.send_signal(signal.SIGINT)
        result = await outcome(process)

    assert result.code == 2
    assert result.err.endswith("Nothing was changed.\n")
    assert updating.untouched()


async def test_a_yes_at_the_question_starts_the_update(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare)

    async with on_a_terminal(updating) as (process, operator):
        await until_asked(process)
        os.write(operator, b"y\n")
        result = await outcome(process)

    assert result.code == 0, result
    assert updating.runs == updating.new.image_id


async def test_ctrl_c_during_the_update_rolls_it_back(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare, healthcheck=SLOW)
    process = await updating.start("--yes")
    await updating.begun()

    process.send_signal(signal.SIGINT)
    result = await outcome(process)

    assert result.code == 1, result
    assert "Cancelled: an update rolls back" in result.err
    assert updating.runs == updating.old.image_id


async def test_a_second_ctrl_c_leaves_the_update_unfinished_and_the_next_command_finishes_it(
    prepare: Prepare,
) -> None:
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


async def test_the_next_command_finishes_an_update_that_was_killed(prepare: Prepare) -> None:
    updating = await asyncio.to_thread(prepare, healthcheck=UNHEALTHY)
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

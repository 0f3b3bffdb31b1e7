"""Whatever happens to the users of a testbed, nothing of it stays on the machine."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import pytest

from tests.testbed.bed import Bed
from tests.testbed.engine import EngineFailed
from tests.testbed.keeper import KeeperFailed
from tests.testbed.leftovers import cgroup_parent

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

CHECKOUT = Path(__file__).parents[2]

OCCUPANT = """
import sys
from pathlib import Path
from tests.testbed.bed import Bed
from tests.testbed.projects import Projects

with Bed.open("bed", Path(sys.argv[1])) as bed:
    pushed = bed.registry.push(bed.images.build("web"), "web:1")
    projects = Projects(bed.engine, bed.directory / "projects", bed.docker_config)
    blog = projects.create("blog", {"web": {"image": pushed.name}})
    blog.up()
    container = bed.engine.api.get(f"/containers/{blog.containers()[0].container_id}/json")
    network = container["NetworkSettings"]["Networks"][f"{blog.name}_default"]["NetworkID"]
    print(bed.engine.api.get("/info")["ID"], f"br-{network[:12]}", flush=True)
    sys.stdin.read()
"""


@dataclass
class Occupant:
    """Another process that uses the testbed at `root` and runs a container there until its input ends."""

    root: Path
    process: subprocess.Popen[str]
    engine_id: str
    interface: str

    @classmethod
    def enter(cls, root: Path) -> Self:
        process = subprocess.Popen(
            [sys.executable, "-c", OCCUPANT, str(root)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            process.communicate()
            raise AssertionError("the occupant could not join; its traceback is on stderr")
        engine_id, interface = line.split()
        return cls(root, process, engine_id, interface)

    def leave(self) -> None:
        self.process.communicate("")

    def end_by(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.communicate()


@pytest.fixture
def root(bed: Bed) -> Iterator[Path]:
    """A short path, as socket paths must be short. Needs `bed` only for the skip without a testbed."""
    with TemporaryDirectory(prefix="drt-") as directory:
        yield Path(directory)


def test_processes_that_open_the_same_testbed_share_one_engine(root: Path) -> None:
    first, second = Occupant.enter(root), Occupant.enter(root)
    assert first.engine_id == second.engine_id

    first.leave()
    assert _processes(root)

    second.leave()
    assert _traces(second) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_nothing_stays_when_a_signal_ends_the_only_user(root: Path, number: signal.Signals) -> None:
    occupant = Occupant.enter(root)
    assert len(_traces(occupant)) > 3

    occupant.end_by(number)

    _await(lambda: _traces(occupant) == [])


def test_the_next_testbed_cleans_up_after_a_killed_keeper(root: Path) -> None:
    occupant = Occupant.enter(root)
    (keeper,) = _processes(root, "tests.testbed.keeper_process")

    os.kill(keeper, signal.SIGKILL)
    occupant.end_by(signal.SIGKILL)

    _await(lambda: _processes(root) == [])
    assert _traces(occupant) != []
    with Bed.open("another", root):
        assert _traces(occupant) == []


def test_a_directory_of_another_user_is_refused(root: Path) -> None:
    os.chown(root, 65534, 65534)

    with pytest.raises(KeeperFailed, match="belongs to another user"), Bed.open("bed", root):
        pass


def test_a_keeper_that_has_ended_is_reported(root: Path) -> None:
    with Bed.open("bed", root) as bed:
        (keeper,) = _processes(root, "tests.testbed.keeper_process")
        os.kill(keeper, signal.SIGKILL)

        with pytest.raises(KeeperFailed, match="is gone"):
            bed.keeper.running("engine")


def test_a_server_that_cannot_start_is_reported_with_its_last_output(root: Path) -> None:
    with Bed.open("bed", root) as bed:
        bed.engine.stop()
        config = bed.directory / "engine" / "daemon.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "storage-driver": "none-such"}))

        with pytest.raises(EngineFailed, match="driver not supported"):
            bed.engine.start()


def _processes(root: Path, program: str = "") -> list[int]:
    """The ids of all processes with the testbed's directory in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"{root}/bed" in command and program in command:
            found.append(int(entry.name))
    return found


def _traces(occupant: Occupant) -> list[str]:
    """Everything that is left of the testbed: files, interfaces, mounts, cgroups and processes."""
    root, directory = occupant.root, occupant.root / "bed"
    files = [str(directory)] if directory.exists() else []
    interfaces = [occupant.interface] if Path("/sys/class/net", occupant.interface).exists() else []
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(root) in line]
    group, tree = cgroup_parent(directory), Path("/sys/fs/cgroup")
    cgroups = [str(path) for path in (*tree.glob(group), *tree.glob(f"*/{group}"))]
    return files + interfaces + mounts + cgroups + [str(pid) for pid in _processes(root)]


def _await(condition: Callable[[], bool], patience_seconds: float = 20) -> None:
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.05)

"""The private engine, and the things on the machine that it must not change."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.testbed.bed import Bed
from tests.testbed.bridges import Bridge
from tests.testbed.engine import Engine
from tests.testbed.images import Images
from tests.testbed.projects import Projects

pytestmark = pytest.mark.soak

CHECKOUT = Path(__file__).parents[2]

STARTS_TWICE = """
import sys
from pathlib import Path
from tests.testbed.bed import Bed

with Bed.open("bed", Path(sys.argv[1])) as bed:
    bed.engine.restart()
    print("running" if bed.engine.running else "dead")
"""


def test_a_stopped_engine_answers_nobody_until_it_is_started_again(private_engine: Engine) -> None:
    before = private_engine.api.get("/info")["ID"]

    private_engine.stop()
    with pytest.raises(OSError, match=r"refused|No such file"):
        private_engine.api.get("/info")

    private_engine.start()
    assert private_engine.api.get("/info")["ID"] == before


def test_containers_with_a_restart_policy_run_again_after_a_power_cut(
    private_engine: Engine, bed: Bed, images: Images, tmp_path: Path
) -> None:
    private_engine.load(images.build("web"), "web:1")
    projects = Projects(private_engine, tmp_path, bed.docker_config)
    services = {
        "always": {"image": "web:1", "restart": "always"},
        "once": {"image": "web:1", "restart": "no"},
    }
    blog = projects.create("blog", services)
    blog.up()

    private_engine.kill()
    assert not private_engine.running
    private_engine.start()

    blog.until("always", lambda container: container.state == "running")
    assert [container.state for container in blog.containers("once")] == ["exited"]


def test_a_discarded_engine_leaves_no_bridge_and_no_files(bed: Bed) -> None:
    engine = Engine(bed.keeper, "discarded")
    engine.start()
    bridge = Bridge.recorded(bed.directory / "discarded" / "bridge")
    assert _exists(bridge.interface)

    engine.discard()

    assert not _exists(bridge.interface)
    assert not (bed.directory / "discarded").exists()


def test_an_image_has_the_same_id_however_the_engine_got_it(engine: Engine, images: Images) -> None:
    image = images.build("web", version="3.2", env={"COLOUR": "blue"}, volumes=["/content"])

    image_id = engine.load(image, "testbed/known:1")

    known = engine.api.get("/images/testbed/known:1/json")
    assert known["Id"] == image_id == image.image_id
    assert "COLOUR=blue" in known["Config"]["Env"]
    assert known["RepoDigests"] == []


def test_each_engine_gets_its_own_range_of_addresses(tmp_path: Path) -> None:
    bridges = [Bridge.claim(tmp_path / name) for name in ("left", "right")]
    try:
        left, right = bridges
        assert not left.subnet.overlaps(right.subnet)
        assert Bridge.recorded(tmp_path / "left") == left
        assert all(_exists(bridge.interface) for bridge in bridges)
    finally:
        for bridge in bridges:
            bridge.remove_all()
    assert not any(_exists(bridge.interface) for bridge in bridges)


def test_the_bridge_of_another_engine_is_not_removed(bed: Bed) -> None:
    """Uses a separate network namespace with a fake docker0 of another engine."""
    pretend = "busybox ip link set lo up; busybox ip link add docker0 type bridge"
    look = "test -d /sys/class/net/docker0"
    with TemporaryDirectory(prefix="drt-") as root:
        script = f'mount -t sysfs sysfs /sys; {pretend}; {look}; "$0" -c "$1" {root}; {look}'
        command = ["unshare", "--net", "--mount", "sh", "-e", "-c", script, sys.executable, STARTS_TWICE]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "running\n"


def _exists(interface: str) -> bool:
    return Path("/sys/class/net", interface).exists()

"""The preflight on the real engine with the real Compose: what a replacement refuses before any change.

`tests/updates/test_nothing_touched.py` tests that a refusal reaches the API.
"""

import asyncio
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from dockrev.blockers import Blocker
from tests.replacement.bench import OWN_IMAGE, ReplacementBench
from tests.testbed.projects import ComposeVersion, Project

HIDDEN = "s3cr3t-of-the-shell"


async def outdated(bench: ReplacementBench, **service: Any) -> Project:
    """A project whose service has an update."""
    bench.push("web", "1")
    project = await bench.deploy({"web": bench.service("web", **service)})
    bench.push("web", "2")
    return project


async def from_a_shell(
    bench: ReplacementBench, env: Mapping[str, str], files: Mapping[str, str], **more: Any
) -> Project:
    """A project that was started from a shell with these variables, and that has an update."""
    bench.push("web", "1")
    top = {name: more.pop(name) for name in ("secrets", "configs") if isinstance(more.get(name), dict)}
    used = {name: list(value) for name, value in top.items()}
    project = await bench.deploy(
        {"web": bench.service("web", **used, **more)}, env=env, files=files, title="shell", **top
    )
    bench.push("web", "2")
    return project


def assert_refused(blocker: Blocker | None, code: str, text: str, remedy: str | None = None) -> None:
    assert blocker is not None
    assert blocker.code == code
    assert text in blocker.text
    assert remedy in (None, blocker.remedy)


async def test_a_service_without_a_blocker_passes(bench: ReplacementBench) -> None:
    project = await outdated(bench)
    assert await bench.refusal(project, "web") is None


async def test_a_paused_service_is_refused(bench: ReplacementBench) -> None:
    project = await outdated(bench)
    await asyncio.to_thread(project.compose, "pause")

    blocker = await bench.refusal(project, "web")

    text = f"{project.name}-web-1 is paused, and the update would start it"
    assert blocker == Blocker("container_paused", text, "unpause it first")
    assert [container.state for container in project.containers("web")] == ["paused"]


async def test_a_compose_file_that_now_names_another_image_is_refused(bench: ReplacementBench) -> None:
    project = await outdated(bench)
    changes = await bench.changes(project, "web")
    project.configure({"web": {**bench.service("web"), "image": f"{bench.pushed['web'].name}0"}})

    blocker = await bench.refusal_of(project, changes)

    old, new = bench.pushed["web"].name, f"{bench.pushed['web'].name}0"
    text = f"the compose file names {new} now, not {old}"
    assert blocker == Blocker("image_ref_changed", text, "check again")


async def test_a_service_that_is_not_in_the_project_any_more_is_refused(bench: ReplacementBench) -> None:
    project = await outdated(bench)
    changes = await bench.changes(project, "web")
    project.configure({"other": bench.service("web")})

    blocker = await bench.refusal_of(project, changes)

    assert blocker == Blocker("not_in_project", "the project has no service web any more")


async def test_an_edited_env_file_is_refused(bench: ReplacementBench) -> None:
    project = await from_a_shell(bench, {}, {"app.env": "LEVEL=info\n"}, env_file=["app.env"])
    changes = await bench.changes(project, "web")
    project.write("app.env", "LEVEL=debug-all\n")

    blocker = await bench.refusal_of(project, changes)

    assert_refused(blocker, "compose_file_changed", "the compose file was changed since it was last read")


@pytest.mark.parametrize("networks", [None, {"inner": {}}], ids=["default network", "named network"])
async def test_a_network_that_was_connected_by_hand_is_refused(
    bench: ReplacementBench, networks: Mapping[str, Any] | None
) -> None:
    own: dict[str, Any] = {"networks": networks} if networks else {}
    bench.push("web", "1")
    project = await bench.deploy({"web": bench.service("web", **own)}, **own)
    bench.push("web", "2")
    with joined_by_hand(project, f"{project.name}_foreign"):
        blocker = await bench.refusal(project, "web")
        assert_refused(blocker, "network_not_in_files", f"does not name ({project.name}_foreign)")

    assert await bench.refusal(project, "web") is None


async def test_a_network_of_a_dependent_that_was_connected_by_hand_is_refused(
    bench: ReplacementBench,
) -> None:
    for name in ("web", "reader"):
        bench.push(name, "1", volumes=("/rows",))
    project = await bench.deploy(
        {"web": bench.service("web"), "reader": bench.service("reader", volumes_from=["web"])}
    )
    network = f"{project.name}_reading"
    with joined_by_hand(project, network, "reader"):
        blocker = await bench.refusal(project, "web")
    text = f"reader-1 is in a network that the compose file does not name ({network})"
    assert_refused(blocker, "network_not_in_files", text)


@contextmanager
def joined_by_hand(project: Project, network: str, service: str = "web") -> Iterator[None]:
    api = project.engine.api
    [container] = project.containers(service)
    ask = {"Content-Type": "application/json"}
    subnet = f"10.214.{crc32(network.encode()) % 256}.0/24"
    options = {"Name": network, "IPAM": {"Config": [{"Subnet": subnet}]}}
    api.call("POST", "/networks/create", body=json.dumps(options).encode(), headers=ask)
    one = json.dumps({"Container": container.container_id}).encode()
    api.call("POST", f"/networks/{network}/connect", body=one, headers=ask)
    try:
        yield
    finally:
        api.call("POST", f"/networks/{network}/disconnect", body=one, headers=ask)
        api.call("DELETE", f"/networks/{network}")


async def test_a_service_whose_network_dockrev_uses_is_refused(
    bench: ReplacementBench,
) -> None:
    image = bench.push("dockrev", "1")
    bench.push("vpn", "1")
    own = f"{OWN_IMAGE}:{bench.registry.namespace}"
    bench.engine.load(image, own)
    itself = {**bench.service("dockrev", network_mode="service:vpn"), "image": own}
    project = await bench.deploy({"vpn": bench.service("vpn"), "dockrev": itself})

    assert_refused(await bench.refusal(project, "vpn"), "recreates_dockrev", "dockrev is Dockrev itself")


async def test_a_dependent_of_the_same_image_is_updated_together_or_not_at_all(
    bench: ReplacementBench,
) -> None:
    bench.push("app", "1")
    services = {"vpn": bench.service("app"), "rider": bench.service("app", network_mode="service:vpn")}
    project = await bench.deploy(services)
    bench.push("app", "2")

    blocker = await bench.refusal(project, "vpn")
    assert_refused(blocker, "same_image_name", "rider has to be recreated with vpn", "update them together")
    assert await bench.refusal(project, "vpn", "rider") is None


async def test_a_dependent_whose_name_now_means_another_image_is_refused(bench: ReplacementBench) -> None:
    for name in ("vpn", "rider"):
        bench.push(name, "1")
    project = await bench.deploy(
        {"vpn": bench.service("vpn"), "rider": bench.service("rider", network_mode="service:vpn")}
    )
    bench.push("rider", "2")
    await asyncio.to_thread(project.compose, "pull", "rider")

    blocker = await bench.refusal(project, "vpn")

    remedy = "bring it up to date first (docker compose up)"
    assert_refused(blocker, "dependent_out_of_date", "rider has to be recreated with vpn", remedy)


async def test_a_dependent_of_a_stopped_owner_is_refused(bench: ReplacementBench) -> None:
    for name in ("vpn", "proxy", "client"):
        bench.push(name, "1")
    project = await bench.deploy(
        {
            "vpn": bench.service("vpn"),
            "proxy": bench.service("proxy", network_mode="service:vpn"),
            "client": bench.service("client", network_mode="service:proxy"),
        }
    )
    await asyncio.to_thread(project.stop, "proxy")

    blocker = await bench.refusal(project, "vpn")

    text = "client has to be recreated with vpn, but it shares a namespace of proxy"
    assert_refused(blocker, "namespace_owner_stopped", text, "start proxy or stop client")


async def test_a_container_that_names_a_container_as_its_network_is_refused(
    bench: ReplacementBench,
) -> None:
    name = f"vpn-{secrets.token_hex(3)}"
    for one in ("vpn", "rider"):
        bench.push(one, "1")
    project = await bench.deploy({"vpn": bench.service("vpn", container_name=name)})
    rider = bench.service("rider", network_mode=f"container:{name}")
    other = await bench.deploy({"rider": rider}, title="other")

    blocker = await bench.refusal(project, "vpn")

    assert_refused(blocker, "namespace_cut_off", f"{other.name}-rider-1 shares a namespace of")
    await asyncio.to_thread(other.stop)
    assert await bench.refusal(project, "vpn") is None


@pytest.mark.parametrize("written", ["${PASSWORD}", "${PASSWORD:-default}", None])
async def test_a_variable_of_the_shell_is_not_lost(bench: ReplacementBench, written: str | None) -> None:
    project = await from_a_shell(bench, {"PASSWORD": HIDDEN}, {}, environment={"PASSWORD": written})

    blocker = await bench.refusal(project, "web")

    assert_refused(blocker, "inputs_not_in_files", "(PASSWORD)")
    assert HIDDEN not in str([blocker, bench.tell.lines, bench.tell.warnings, bench.tell.events])
    project.write(".env", f"PASSWORD={HIDDEN}\n")
    assert await bench.refusal(project, "web") is None


async def test_a_variable_that_the_shell_did_not_set_either_passes(bench: ReplacementBench) -> None:
    project = await from_a_shell(bench, {}, {}, environment=["DEBUG", "LEVEL=1e3"], labels={"on": True})

    assert await bench.refusal(project, "web") is None


async def test_the_variable_of_compose_v1_for_an_anonymous_volume_passes(bench: ReplacementBench) -> None:
    """V1 adds a variable when it recreates a container."""
    bench.push("web", "1")
    services = {"web": bench.service("web", volumes=["/data"])}
    project = await bench.deploy(services, version=ComposeVersion.V1)
    await asyncio.to_thread(project.compose, "up", "--detach", "--force-recreate")

    assert await bench.refusal(project, "web") is None


async def test_a_directory_that_came_from_a_shell_variable_is_refused(
    bench: ReplacementBench, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    project = await from_a_shell(bench, {"DATA": str(data)}, {}, volumes=["${DATA:-./data}:/data"])

    blocker = await bench.refusal(project, "web")

    assert_refused(blocker, "inputs_not_in_files", f"({data} at /data)")


@pytest.mark.parametrize("kind", ["secrets", "configs"])
async def test_a_secret_that_came_from_a_shell_variable_is_refused(
    bench: ReplacementBench, kind: str
) -> None:
    """Compose would fail only after the old container is gone, and fail again in a rollback."""
    project = await from_a_shell(bench, {"TOKEN": HIDDEN}, {}, **{kind: {"token": {"environment": "TOKEN"}}})

    blocker = await bench.refusal(project, "web")

    assert_refused(blocker, "variables_not_set", "are not set here (TOKEN)")

    project.write(".env", f"TOKEN={HIDDEN}\n")
    assert await bench.refusal(project, "web") is None

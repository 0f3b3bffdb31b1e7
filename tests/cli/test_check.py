"""`dockrev check` without a server: its output, its exit code, and the files that it leaves."""

import asyncio
import signal
from pathlib import Path

import pytest

from dockrev.oci.digest import Digest
from tests.cli.command import Cli, outcome
from tests.e2e.api import until
from tests.fakes.engine import FakeImage
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry
from tests.soak import soak
from tests.testbed.bed import Bed
from tests.testbed.images import Images
from tests.testbed.projects import ComposeVersion, Projects
from tests.testbed.registry import Registry


def up_to_date(host: FakeHost, registry: FakeRegistry, repository: str) -> None:
    """The running image of `repository` is the image that its tag names now."""
    digest = registry.content(repository).tags["1"]
    name = f"{registry.host}/{repository}"
    host.engine.images[:] = [
        FakeImage(image.id, image.tags, (f"{name}@{digest}",)) if image.tags == (f"{name}:1",) else image
        for image in host.engine.images
    ]


def deploy_two_projects(host: FakeHost, registry: FakeRegistry) -> None:
    """`blog` has an update for `web` and none for `db`, `shop` one for its own `web`."""
    for repository in ("web", "db", "till"):
        registry.push(repository, "1")
    host.deploy("blog", {"web": f"{registry.host}/web:1", "db": f"{registry.host}/db:1"})
    host.deploy("shop", {"web": f"{registry.host}/till:1"})
    up_to_date(host, registry, "db")


async def test_updates_that_wait_are_shown_and_end_with_1(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_two_projects(host, fake_registry)
    result = await cli.run("check")
    available = fake_registry.content("web").tags["1"]
    header, *lines = result.out.splitlines()
    assert header.split() == ["STACK", "SERVICE", "IMAGE", "RUNNING", "AVAILABLE", "PLATFORM", "NOTE"]
    assert [line.split()[:2] for line in lines[:3]] == [["blog", "db"], ["blog", "web"], ["shop", "web"]]
    assert "up to date" in lines[0]
    assert f"1 {available.short}" in lines[1]
    assert "linux/amd64 +1" in lines[1]
    assert lines[-1] == "3 services, 2 with an update waiting"
    assert (result.code, result.err) == (1, "")


async def test_json_has_a_row_for_each_service(cli: Cli, host: FakeHost, fake_registry: FakeRegistry) -> None:
    deploy_two_projects(host, fake_registry)
    result = await cli.run("check", "--json")
    running = Digest.of(b"blog-web")
    assert result.rows["blog/web"] == {
        "stack": "blog",
        "service": "web",
        "image": f"{fake_registry.host}/web:1",
        "tag": "1",
        "running": running,
        "runningVersion": None,
        "available": fake_registry.content("web").tags["1"],
        "availableVersion": None,
        "platforms": ["linux/amd64", "linux/arm64"],
        "hostPlatform": "linux/amd64",
        "status": "update",
        "note": "",
    }
    assert {name: row["status"] for name, row in result.rows.items()} == {
        "blog/db": "current",
        "blog/web": "update",
        "shop/web": "update",
    }
    assert result.document["problems"] == []
    assert result.document["summary"] == "3 services, 2 with an update waiting"
    assert (result.code, result.err) == (1, "")


def deploy_behind(host: FakeHost, registry: FakeRegistry, version: str | None = None) -> None:
    """`latest` was 1.4.0 when the image was pulled, and is 1.5.1 now. `version` is the image's label."""
    old, new = (registry.push("app", tag) for tag in ("1.4.0", "1.5.1"))
    registry.retag("app", "latest", new)
    host.deploy("blog", {"web": f"{registry.host}/app:latest"})
    image = host.engine.images[-1]
    image.repo_digests = (f"{registry.host}/app@{old}",)
    image.labels = {"org.opencontainers.image.version": version} if version else None


async def test_floating_tags_are_shown_with_their_versions(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_behind(host, fake_registry)
    line = (await cli.run("check")).out.splitlines()[1]
    assert line.index("latest (1.4.0)") < line.index("latest (1.5.1)")
    row = (await cli.run("check", "--json")).rows["blog/web"]
    assert (row["tag"], row["runningVersion"], row["availableVersion"]) == ("latest", "1.4.0", "1.5.1")


async def test_a_version_that_only_a_label_states_gets_a_question_mark(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_behind(host, fake_registry, "1.3.9")
    for tag in ("1.4.0", "1.5.1"):
        fake_registry.delete_tag("app", tag)
    row = (await cli.run("check", "--json")).rows["blog/web"]
    assert (row["runningVersion"], row["availableVersion"]) == ("1.3.9?", None)


async def test_the_version_of_a_label_has_no_question_mark_when_its_tag_proves_it(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_behind(host, fake_registry, "1.4.0")
    row = (await cli.run("check", "--json")).rows["blog/web"]
    assert row["runningVersion"] == "1.4.0"
    assert "HEAD /v2/app/manifests/1.4.0" in fake_registry.requests


@pytest.mark.parametrize(
    ("names", "code", "services"),
    [
        (["blog"], 1, {"blog/db", "blog/web"}),
        (["blog/db"], 0, {"blog/db"}),
        (["web"], 1, {"blog/web", "shop/web"}),
        (["shop", "blog/web"], 1, {"blog/web", "shop/web"}),
        (["db", "blog/db"], 0, {"blog/db"}),
    ],
)
async def test_names_choose_projects_and_services(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry, names: list[str], code: int, services: set[str]
) -> None:
    deploy_two_projects(host, fake_registry)
    result = await cli.run("check", "--json", *names)
    assert (result.code, set(result.rows)) == (code, services)
    selected = {row["image"].partition("/")[2].partition(":")[0] for row in result.rows.values()}
    asked = {request.split("/")[2] for request in fake_registry.requests if "/v2/" in request} - {""}
    assert asked == selected


@pytest.mark.parametrize("name", ["nobody", "blog/nobody", "nobody/web"])
async def test_the_error_for_an_unknown_name_lists_the_projects(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry, name: str
) -> None:
    deploy_two_projects(host, fake_registry)
    result = await cli.run("check", name)
    expected = f"dockrev: no project or service is called '{name}' (projects found: blog, shop)\n"
    assert (result.code, result.out, result.err) == (2, "", expected)
    assert fake_registry.requests == []


async def test_a_missing_answer_ends_with_2_and_the_other_rows_are_shown(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_two_projects(host, fake_registry)
    fake_registry.fail("till").status = 500
    result = await cli.run("check", "--json")
    assert result.code == 2
    assert {name: row["status"] for name, row in result.rows.items()} == {
        "blog/db": "current",
        "blog/web": "update",
        "shop/web": "failed",
    }
    assert "500" in result.rows["shop/web"]["note"]
    assert result.document["summary"].endswith("1 could not be checked")


async def test_a_rate_limited_check_is_deferred_and_ends_with_2(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_two_projects(host, fake_registry)
    fake_registry.fail("till").status = 429
    fake_registry.limits.retry_after = "3600"
    result = await cli.run("check", "shop", "--json")
    assert (result.code, result.rows["shop/web"]["status"]) == (2, "deferred")


async def test_a_host_without_projects_ends_with_0(cli: Cli) -> None:
    result = await cli.run("check")
    assert (result.code, result.out, result.err) == (0, "0 services, 0 with an update waiting\n", "")


async def test_a_project_that_cannot_be_read_is_a_problem_and_the_others_are_shown(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_two_projects(host, fake_registry)
    (host.directory / "shop" / "compose.yaml").unlink()
    result = await cli.run("check", "--json")
    assert set(result.rows) == {"blog/db", "blog/web"}
    (problem,) = result.document["problems"]
    assert problem.startswith("shop: ")
    assert result.document["summary"].endswith("1 project could not be read")
    assert result.code == 2
    shown = await cli.run("check")
    assert shown.err == f"{problem}\n"


async def test_an_unreadable_project_can_be_named_and_its_reason_is_printed(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_two_projects(host, fake_registry)
    (host.directory / "shop" / "compose.yaml").unlink()
    result = await cli.run("check", "shop")
    assert (result.code, result.err.startswith("shop: compose_file_unreadable")) == (2, True)
    other = await cli.run("check", "blog/db")
    assert (other.code, other.err) == (0, "")


async def test_a_check_leaves_no_file_but_its_cache(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_two_projects(host, fake_registry)
    before = set(cli.directory.rglob("*"))
    await cli.run("check")
    await cli.run("check", "nobody")
    left = {
        path.relative_to(cli.directory) for path in set(cli.directory.rglob("*")) - before - {cli.scratch}
    }
    assert {str(path).partition("/dockrev")[0] for path in left} == {".cache"}


async def test_the_next_check_reads_the_manifests_from_the_cache(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_two_projects(host, fake_registry)
    await cli.run("check")
    first = fake_registry.counts["get_manifest"]
    assert first > 0
    assert (await cli.run("check")).code == 1
    assert fake_registry.counts["get_manifest"] == first


async def test_a_check_works_without_its_cache(cli: Cli, host: FakeHost, fake_registry: FakeRegistry) -> None:
    deploy_two_projects(host, fake_registry)
    (cli.directory / ".cache").write_text("in the way")
    result = await cli.run("check")
    assert (result.code, result.err) == (1, "")


@pytest.mark.parametrize(
    ("sent", "code"), [soak(signal.SIGHUP, 129), soak(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
async def test_an_interrupted_check_leaves_no_temporary_file(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry, sent: signal.Signals, code: int
) -> None:
    deploy_two_projects(host, fake_registry)
    fake_registry.faults.slow_seconds = 600
    process = await cli.start("check")

    async def requests() -> list[str]:
        return fake_registry.requests

    await until(requests, bool)
    process.send_signal(sent)
    result = await outcome(process)
    assert (result.code, result.out, result.err) == (code, "", "")
    assert list(cli.scratch.iterdir()) == []


async def test_a_check_under_nohup_survives_a_closed_terminal(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_two_projects(host, fake_registry)
    fake_registry.faults.slow_seconds = 0.5
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does; children inherit it
    try:
        process = await cli.start("check")
    finally:
        signal.signal(signal.SIGHUP, before)

    async def requests() -> list[str]:
        return fake_registry.requests

    await until(requests, bool)
    process.send_signal(signal.SIGHUP)
    assert (await outcome(process)).code == 1


async def test_a_missing_engine_is_an_error_in_one_line(tmp_path: Path) -> None:
    result = await Cli(tmp_path, "unix:///nowhere/docker.sock").run("check")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("dockrev: There is no Docker socket at /nowhere/docker.sock.")
    assert len(result.err.splitlines()) == 1


async def test_a_check_without_compose_still_shows_the_services_of_the_containers(
    cli: Cli, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    deploy_two_projects(host, fake_registry)
    result = await cli.run("check", "--json", DOCKREV_COMPOSE_BIN="/nowhere/compose")
    assert set(result.rows) == {"blog/db", "blog/web", "shop/web"}
    assert all("/nowhere/compose" in problem for problem in result.document["problems"])
    assert len(result.document["problems"]) == 2


@pytest.mark.parametrize("version", list(ComposeVersion))
async def test_a_check_works_with_both_versions_of_compose_on_a_real_engine(
    bed: Bed, projects: Projects, registry: Registry, images: Images, tmp_path: Path, version: ComposeVersion
) -> None:
    name = registry.push(images.build("web", version="1"), "web:1").name
    project = projects.create(
        "cli", {"web": {"image": "${IMAGE}"}}, files={".env": f"IMAGE={name}\n"}, version=version
    )
    await asyncio.to_thread(project.up)
    pushed = registry.push(images.build("web", version="2"), "web:1")
    result = await Cli(tmp_path, bed.engine.host).run(
        "check", "--json", project.name, DOCKREV_COMPOSE_BIN=str(version.program)
    )
    row = result.rows[f"{project.name}/web"]
    assert (result.code, row["status"], row["available"]) == (1, "update", pushed.digest)
    assert row["image"] == name

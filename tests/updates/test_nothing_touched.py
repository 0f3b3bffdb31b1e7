"""Services that cannot or must not be updated are refused or skipped, and nothing of them changes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dockrev.oci.platform import Platform
from tests.e2e.api import Document, Refused, until
from tests.e2e.server_process import ServerProcess
from tests.testbed.access import Anonymous
from tests.testbed.bed import Bed
from tests.testbed.registry_process import serve
from tests.updates.story import Deployed, Story, outcomes, protective_tags, settle_for, statuses

ELSEWHERE = Platform.parse("linux/s390x")


async def outdated(story: Story, **service: Any) -> Deployed:
    """Deploys a service for which a check has found an update."""
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", **service)})
    story.push("web", "2")
    assert "candidate" in (await deployed.checked())["web"]
    return deployed


def seen(deployed: Deployed) -> Mapping[str, Any]:
    """Everything that an update could change."""
    namespace = deployed.story.registry.namespace
    images = deployed.story.engine.api.get("/images/json")
    names = {one["Id"]: [*(one["RepoTags"] or []), *(one["RepoDigests"] or [])] for one in images}
    own = {key: [name for name in value if namespace in name] for key, value in names.items()}
    return {
        "containers": deployed.containers(),
        "images": {key: value for key, value in own.items() if value},
        "files": deployed.project.config_file.read_text(),
    }


async def test_a_dry_run_changes_nothing_and_reports_the_download_size(story: Story) -> None:
    deployed = await outdated(story)
    before = seen(deployed)

    job = await deployed.update("web", mode="dry-run")

    assert (job["status"], statuses(job)) == ("success", {"web": "not_attempted"}), job
    assert outcomes(job)["web"]["bytesToDownload"] > 100_000
    assert job["summary"]["stacks"][0]["update"]["changedServices"] == 1
    assert seen(deployed) == before
    assert not protective_tags(story, job["id"])


async def test_a_dry_run_reports_on_every_service(story: Story) -> None:
    """A service that cannot be updated is a result of the dry run and not a failure."""
    names = ["gone", "good", "off"]
    for name in names:
        story.push(name, "1")
    deployed = await story.deploy({name: story.service(name) for name in names})
    for name in names:
        story.push(name, "2")
    await deployed.checked(3)
    story.registry.delete("gone:1")
    await asyncio.to_thread(deployed.project.compose, "stop", "off")
    before = seen(deployed)

    job = await deployed.update(*names, mode="dry-run")

    assert (job["status"], statuses(job)) == (
        "success",
        {"gone": "failed", "good": "not_attempted", "off": "skipped"},
    ), job
    assert outcomes(job)["gone"]["step"] == "preflight"
    assert outcomes(job)["good"]["bytesToDownload"] > 0
    assert job["summary"]["stacks"][0]["update"]["changedServices"] == 1
    async with story.api() as api:
        services = await api.services(deployed.project.name)
        published = await api.events_of(job["id"])
    settled = [event.data for event in published if event.data.get("type") == "update_state_settled"]
    assert {one["serviceName"]: one["runtimeDigest"] for one in settled} == {
        name: services[name]["image"]["digest"] for name in names
    }
    assert seen(deployed) == before


async def refused(deployed: Deployed, body: Document) -> Refused:
    before = seen(deployed)
    async with deployed.story.api() as api:
        with pytest.raises(Refused) as refusal:
            await api.post("/api/updates", body)
    assert seen(deployed) == before
    return refusal.value


async def test_an_approval_is_outdated_when_the_tag_has_moved_since(story: Story) -> None:
    deployed = await outdated(story)
    approved = await deployed.request_body("web")
    story.push("web", "3")
    await deployed.checked()

    refusal = await refused(deployed, approved)

    assert refusal.status == 409
    assert refusal.error["details"]["gotDigest"] == approved["targetDigest"]


async def test_a_tag_that_moves_after_the_start_does_not_change_the_new_image(story: Story) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    approved = story.push("web", "2")
    await deployed.checked()
    story.push("web", "3")

    job = await deployed.update("web")

    assert (job["status"], deployed.runs("web")) == ("success", {str(approved.image_id)}), job
    assert not await deployed.changed_by_hand()


async def test_an_image_that_the_registry_no_longer_has_fails_the_update(story: Story) -> None:
    deployed = await outdated(story)
    story.registry.delete("web:1")
    before = seen(deployed)

    job = await deployed.update("web")

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "preflight"), job
    assert seen(deployed) == before
    assert not protective_tags(story, job["id"])


async def test_a_registry_that_is_down_fails_the_update(story: Story, bed: Bed) -> None:
    story.registry = await asyncio.to_thread(serve, bed.keeper, "registry-falling", Anonymous())
    deployed = await outdated(story)
    await asyncio.to_thread(bed.keeper.stop, "registry-falling", patience_seconds=1)
    before = deployed.containers()

    job = await deployed.update("web")

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "preflight"), job
    assert deployed.containers() == before
    assert not protective_tags(story, job["id"])


async def test_an_image_for_another_platform_needs_the_operators_consent(story: Story) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    foreign = story.images.build("web", version="2", platform=ELSEWHERE)
    story.registry.push_index([foreign], "web:1")
    await deployed.checked()
    body = await deployed.request_body("web")

    refusal = await refused(deployed, body)
    assert (refusal.status, refusal.error["details"]["archMatch"]) == (400, "mismatch")

    job = await deployed.update("web", allowArchMismatch=True)
    assert (job["status"], statuses(job)) == ("success", {"web": "updated"}), job
    assert deployed.runs("web") == {str(foreign.image_id)}
    assert not await deployed.changed_by_hand()


async def test_a_pinned_reference_is_refused(story: Story) -> None:
    story.push("web", "1")
    digest = story.pushed["web"].digest
    deployed = await story.deploy(
        {"web": {**story.service("web"), "image": f"{story.pushed['web'].name}@{digest}"}}
    )
    service = (await deployed.checked())["web"]
    body = {
        "scope": "service",
        "serviceId": service["id"],
        "targetTag": service["image"]["tag"],
        "targetDigest": str(digest),
        "pullTags": [],
    }

    refusal = await refused(deployed, body)

    assert (refusal.status, refusal.error["details"].get("reason")) == (400, "digest_pinned"), refusal.error


@asynccontextmanager
async def as_dockrev(story: Story, name: str, directory: Path) -> AsyncIterator[None]:
    """Runs a server that takes this image for its own."""
    story.push(name, "1")
    repository = story.pushed[name].name.rpartition(":")[0]
    server = ServerProcess(directory, story.engine.host, DOCKREV_IMAGE_REPO=repository)
    async with server.running():
        settle_for(server)
        story.server = server
        yield


async def test_the_own_service_is_never_changed(story: Story, tmp_path: Path) -> None:
    async with as_dockrev(story, "web", tmp_path):
        deployed = await outdated(story)
        refusal = await refused(deployed, await deployed.request_body("web"))
    assert (refusal.status, refusal.error["details"]["reason"]) == (400, "own_service")


async def test_a_stopped_service_stays_stopped(story: Story) -> None:
    deployed = await outdated(story)
    await asyncio.to_thread(deployed.project.stop)
    before = seen(deployed)

    job = await deployed.update("web")

    assert (job["status"], statuses(job)) == ("success", {"web": "skipped"}), job
    assert seen(deployed) == before


async def test_an_automatic_update_makes_no_backup_when_it_skips_all_services(story: Story) -> None:
    """An automatic update skips downgrades."""
    newer = story.push("web", "2.0.0")
    story.registry.push(newer, "web:2.0.0")
    deployed = await story.deploy({"web": story.service("web")})
    older = story.push("web", "1.0.0")
    story.registry.push(older, "web:1.0.0")
    await deployed.checked()
    async with story.api() as api:
        await until(
            lambda: api.services(deployed.project.name),
            lambda services: (
                services["web"]["image"].get("resolvedTag") == "2.0.0"
                and services["web"]["candidate"].get("resolvedTag") == "1.0.0"
            ),
        )
    before = seen(deployed)

    job = await deployed.update("web", reason="schedule")

    [stack] = job["summary"]["stacks"]
    reason = "no_actionable_services_after_anomaly_skip"
    assert (job["status"], stack["backup"]) == ("success", {"status": "skipped", "reason": reason}), job
    assert [one["candidate"] for one in stack["update"]["skippedVersionAnomaly"]] == ["1.0.0"]
    assert seen(deployed) == before


async def test_a_compose_file_that_was_edited_since_the_scan_fails_the_update(story: Story) -> None:
    deployed = await outdated(story)
    deployed.project.configure({"web": story.service("web", environment={"EDITED": "1"})})
    before = seen(deployed)

    job = await deployed.update("web")

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "preflight"), job
    assert "compose file was changed" in outcomes(job)["web"]["reason"]
    assert [blocker["code"] for blocker in outcomes(job)["web"]["blockers"]] == ["compose_file_changed"]
    assert seen(deployed) == before


async def test_a_backup_without_disk_space_stops_the_update_before_any_change(
    story: Story, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    await run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small))
    settle_for(story.server, baseDir=str(small))
    try:
        bind = tmp_path / "data"
        bind.mkdir()
        (bind / "big").write_bytes(b"x" * 3_000_000)
        deployed = await outdated(story, volumes=[f"{bind}:/data"])
        before = seen(deployed)
        job = await deployed.update("web")
        left = [one for one in small.rglob("*") if one.is_file()]
    finally:
        settle_for(story.server)
        await run("umount", str(small))

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "backup"), job
    assert job["summary"]["stacks"][0]["backup"]["status"] == "failed"
    assert "update" not in job["summary"]["stacks"][0]
    assert seen(deployed) == before
    assert not left
    assert not protective_tags(story, job["id"])


async def run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(*words)
    assert await process.wait() == 0, words

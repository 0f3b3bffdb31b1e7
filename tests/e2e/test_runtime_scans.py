"""Runtime scans of a running server: at its start and on request."""

from collections.abc import Mapping
from typing import Any

from tests.e2e.api import Api, Document, until
from tests.e2e.server_process import ServerProcess
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry


async def first_scan(api: Api) -> Document:
    """Waits for the scan that the server starts by itself."""
    (scan,) = await until(lambda: scans(api), lambda jobs: jobs and "finishedAt" in jobs[0])
    return scan


async def scans(api: Api) -> list[Document]:
    jobs: list[Document] = (await api.get("/api/jobs?type=runtime_scan"))["jobs"]
    return jobs


async def test_the_server_scans_when_it_starts(server: ServerProcess) -> None:
    await server.started()

    async with server.api() as api:
        scan = await first_scan(api)

    assert (scan["status"], scan["scope"]) == ("success", "all")
    assert (scan["createdBy"], scan["reason"]) == ("schedule", "schedule")


async def test_a_scan_counts_running_services_and_unreadable_stacks(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.push("web", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/web:1"})
    host.deploy("shop", {"till": f"{fake_registry.host}/web:1", "db": f"{fake_registry.host}/web:1"})
    await server.started()

    async with server.api() as api:
        await first_scan(api)
        shop = await api.discovered("shop", 2)
        (host.directory / "shop" / "compose.yaml").write_text("services: [")
        job_id = (await api.post("/api/runtime-scans", {"scope": "all"}))["jobId"]
        job = await api.finished(job_id)
        events = await api.events_of(job_id)

    summary: Mapping[str, Any] = job["summary"]
    assert job["status"] == "success"
    assert (summary["stacksScanned"], summary["stacksWithErrors"]) == (2, 1)
    assert (summary["servicesWithRuntimeDigest"], summary["servicesDrifted"]) == (3, 0)
    assert shop["id"] in summary["stackIds"]
    assert [event.kind for event in events if event.kind.startswith("runtime_scan")] == [
        "runtime_scan_started",
        "runtime_scan_finished",
    ]
    (warning,) = [line for line in job["logs"] if line["level"] == "warn"]
    assert warning["msg"].startswith("shop: compose_file_invalid: ")


async def test_a_scan_without_an_engine_fails_with_a_clear_error(
    server: ServerProcess, host: FakeHost
) -> None:
    await server.started()
    async with server.api() as api:
        await first_scan(api)
        await host.engine.stop()
        job = await api.finished((await api.post("/api/runtime-scans", {"scope": "all"}))["jobId"])

    assert job["status"] == "failed"
    assert job["summary"]["error"].startswith("There is no Docker socket at ")


async def test_a_service_that_was_updated_by_hand_while_no_server_ran_is_checked(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.push("web", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/web:1"})
    await server.started()
    async with server.api() as api:
        await api.discovered("blog")
        await first_scan(api)
        await api.check()
    await server.stop()
    newest = fake_registry.push("web", "1", revision="2")
    host.engine.images[0].repo_digests = (f"{fake_registry.host}/web@{newest}",)

    await server.started()
    async with server.api() as api:
        jobs = await until(lambda: scans(api), lambda jobs: len(jobs) == 2 and "finishedAt" in jobs[0])
        service = (await api.services("blog"))["web"]

    assert jobs[0]["summary"]["servicesDrifted"] == 1
    assert service["image"]["digest"] == newest
    assert "candidate" not in service

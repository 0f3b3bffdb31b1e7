"""Runtime scans of a running server: at start by itself, and when it is asked."""

from collections.abc import Mapping
from typing import Any

from tests.e2e.api import Api, Document, until
from tests.e2e.server_process import ServerProcess
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry


async def first_scan(api: Api) -> Document:
    """The one that starts by itself, when it has ended."""

    async def scans() -> list[Document]:
        found: list[Document] = (await api.get("/api/jobs?type=runtime_scan"))["jobs"]
        return found

    (scan,) = await until(scans, lambda found: found and "finishedAt" in found[0])
    return scan


async def test_the_server_scans_when_it_starts(server: ServerProcess) -> None:
    await server.started()

    async with server.api() as api:
        scan = await first_scan(api)

    assert (scan["status"], scan["scope"]) == ("success", "all")
    assert (scan["createdBy"], scan["reason"]) == ("schedule", "schedule")


async def test_a_scan_counts_what_runs_and_what_cannot_be_read(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.push("web", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/web:1"})
    host.deploy("shop", {"till": f"{fake_registry.host}/web:1", "db": f"{fake_registry.host}/web:1"})
    await server.started()

    async with server.api() as api:
        await first_scan(api)
        shop = await api.found("shop", 2)
        (host.directory / "shop" / "compose.yaml").write_text("services: [")
        job_id = (await api.post("/api/runtime-scans", {"scope": "all"}))["jobId"]
        job = await api.finished(job_id)
        told = await api.told(job_id)

    summary: Mapping[str, Any] = job["summary"]
    assert job["status"] == "success"
    assert (summary["stacksScanned"], summary["stacksWithErrors"]) == (2, 1)
    assert (summary["servicesWithRuntimeDigest"], summary["servicesDrifted"]) == (3, 0)
    assert shop["id"] in summary["stackIds"]
    assert [event.kind for event in told if event.kind.startswith("runtime_scan")] == [
        "runtime_scan_started",
        "runtime_scan_finished",
    ]
    (warning,) = [line for line in job["logs"] if line["level"] == "warn"]
    assert warning["msg"].startswith("shop: compose_file_invalid: ")


async def test_an_engine_that_is_gone_fails_the_scan_in_a_sentence(
    server: ServerProcess, host: FakeHost
) -> None:
    await server.started()
    async with server.api() as api:
        await first_scan(api)
        await host.engine.stop()
        job = await api.finished((await api.post("/api/runtime-scans", {"scope": "all"}))["jobId"])

    assert job["status"] == "failed"
    assert job["summary"]["error"].startswith("There is no Docker socket at ")


async def test_what_was_updated_by_hand_while_no_server_ran_is_looked_up(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.push("web", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/web:1"})
    await server.started()
    async with server.api() as api:
        await api.found("blog")
        await first_scan(api)
        await api.check()
    await server.stop()
    newest = fake_registry.push("web", "1", revision="2")
    host.engine.images[0].repo_digests = (f"{fake_registry.host}/web@{newest}",)

    await server.started()
    async with server.api() as api:

        async def scans() -> list[Document]:
            found: list[Document] = (await api.get("/api/jobs?type=runtime_scan"))["jobs"]
            return found

        found = await until(scans, lambda found: len(found) == 2 and "finishedAt" in found[0])
        service = (await api.services("blog"))["web"]

    assert found[0]["summary"]["servicesDrifted"] == 1
    assert service["image"]["digest"] == newest
    assert "candidate" not in service

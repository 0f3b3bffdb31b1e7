"""Registries that fail in different ways at the same time. Each failure affects only its own services."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.api import Document
from tests.e2e.server_process import ServerProcess
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry

HOURS = 2 * 3600


def _limit(registry: FakeRegistry) -> None:
    registry.limits.retry_after = str(HOURS)
    registry.faults.status = 429


def _send_elsewhere(registry: FakeRegistry) -> None:
    registry.faults.redirect_to = "http://127.0.0.1:9/v2/elsewhere"


def _forget(registry: FakeRegistry) -> None:
    registry.delete_tag("gone", "1")


def _set(name: str, value: object) -> Callable[[FakeRegistry], None]:
    return lambda registry: setattr(registry.faults, name, value)


FAULTS: Mapping[str, tuple[Callable[[FakeRegistry], None], str]] = {
    "hangs-up": (_set("down", True), "registry_unreachable"),
    "slow": (_set("slow_seconds", 600.0), "registry_timeout"),
    "html": (_set("html", True), "registry_bad_answer"),
    "wrong-digest": (_set("wrong_digest", True), "registry_bad_answer"),
    "loop": (_set("challenge_loop", True), "registry_unauthorized"),
    "elsewhere": (_send_elsewhere, "registry_unreachable"),
    "broken": (_set("status", 500), "registry_server_error"),
    "forbidden": (_set("status", 403), "registry_unauthorized"),
    "gone": (_forget, "image_not_found"),
    "limited": (_limit, "registry_rate_limited"),
}


@pytest.fixture
async def registries() -> AsyncIterator[dict[str, FakeRegistry]]:
    """One registry for each fault, one that stops, and one without a fault."""
    async with AsyncExitStack() as stack:
        names = (*FAULTS, "stopped", "sound")
        yield {name: await stack.enter_async_context(FakeRegistry()) for name in names}


async def test_each_fault_is_an_error_of_its_own_service_and_the_others_are_checked(
    server: ServerProcess, host: FakeHost, registries: dict[str, FakeRegistry]
) -> None:
    for name, registry in registries.items():
        registry.push(name, "1")
    host.deploy("fleet", {name: f"{registry.host}/{name}:1" for name, registry in registries.items()})
    await server.started()
    async with server.api() as api:
        await api.discovered("fleet", len(registries))
        first = await api.check()
        before = await api.services("fleet")
        for name, (cause_fault, _) in FAULTS.items():
            # New content, so that a manifest has to be fetched too.
            registries[name].push(name, "1", revision="2")
            cause_fault(registries[name])
        await registries["stopped"].stop()
        registries["sound"].push("sound", "1", revision="2")
        second = await api.check()
        after = await api.services("fleet")
        ready = await api.get("/api/ready")

    assert first["summary"]["servicesWithCandidate"] == len(registries)
    expected = {name: code for name, (_, code) in FAULTS.items()} | {"stopped": "registry_unreachable"}
    errors = {name: service["checkError"] for name, service in after.items() if "checkError" in service}
    assert {name: error["code"] for name, error in errors.items()} == expected
    assert second["status"] == "success"
    _assert_counted(second, expected)
    for name in expected:
        assert after[name]["candidate"] == before[name]["candidate"], name
        assert after[name]["checkedAt"] == before[name]["checkedAt"], name
        assert after[name]["checkError"]["at"] > second["startedAt"], name
        assert name in after[name]["checkError"]["message"]
    assert after["sound"]["candidate"]["digest"] != before["sound"]["candidate"]["digest"]
    assert after["sound"]["checkedAt"] > second["startedAt"]
    _assert_deferred(after["limited"])
    assert ready["ready"]
    assert "Traceback" not in server.logs()


def _assert_counted(job: Document, expected: Mapping[str, str]) -> None:
    summary = job["summary"]
    assert summary["servicesChecked"] == len(expected) + 1
    assert (summary["servicesFailed"], summary["servicesDeferred"]) == (len(expected) - 1, 1)
    failures = {failure["serviceName"]: failure["code"] for failure in summary["failures"]}
    assert failures == {name: code for name, code in expected.items() if name != "limited"}
    assert [deferral["services"] for deferral in summary["deferrals"]] == [1]
    assert [service["serviceName"] for service in summary["newVersions"]["services"]] == ["sound"]


def _assert_deferred(service: Document) -> None:
    retry_at = datetime.fromisoformat(service["checkError"]["retryAt"])
    left = retry_at - datetime.now(UTC)
    assert timedelta(seconds=HOURS - 120) < left <= timedelta(seconds=HOURS)


async def test_the_error_is_gone_when_the_registry_works_again(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.push("app", "1")
    fake_registry.faults.status = 500
    host.deploy("blog", {"web": f"{fake_registry.host}/app:1"})
    await server.started()
    async with server.api() as api:
        await api.discovered("blog")
        await api.check()
        failed = (await api.services("blog"))["web"]
        fake_registry.heal()
        await api.check()
        healed = (await api.services("blog"))["web"]
    assert (failed["checkError"]["code"], "checkedAt" in failed) == ("registry_server_error", False)
    assert "checkError" not in healed
    assert healed["candidate"]["digest"] == fake_registry.content("app").tags["1"]


async def test_a_deferral_survives_a_restart_and_the_registry_is_not_asked(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.push("app", "1")
    _limit(fake_registry)
    host.deploy("blog", {"web": f"{fake_registry.host}/app:1"})
    await server.started()
    async with server.api() as api:
        await api.discovered("blog")
        await api.check()
        before = (await api.services("blog"))["web"]["checkError"]
    assert await server.stop() == 0
    await server.started()
    async with server.api() as api:
        assert (await api.services("blog"))["web"]["checkError"] == before
    assert fake_registry.counts["429"] <= 2


async def test_credentials_never_appear_in_answers_or_logs(host: FakeHost, tmp_path: Path) -> None:
    """Neither valid credentials, nor refused ones, nor those in the address of a mirror appear."""
    secret = "hunter2-hunter2"
    async with FakeRegistry("basic", users={"operator": "other"}) as registry:
        registry.push("app", "1")
        host.deploy("blog", {"web": f"{registry.host}/app:1"})
        login = tmp_path / "login.json"
        login.write_text(
            f'{{"auths": {{"{registry.host}": {{"username": "operator", "password": "{secret}"}}}}}}'
        )
        server = ServerProcess(
            tmp_path,
            host.docker_host,
            DOCKREV_DOCKER_CONFIG=str(login),
            DOCKREV_REGISTRY_MIRRORS=f"{registry.host}=http://mirror:{secret}@127.0.0.1:9",
            DOCKREV_LOG_LEVEL="debug",
        )
        server.start()
        try:
            await server.ready()
            async with server.api() as api:
                await api.discovered("blog")
                job = await api.check()
                web = (await api.services("blog"))["web"]
            assert web["checkError"]["code"] == "registry_unauthorized"
            assert secret not in f"{job}{web}{server.logs()}"
        finally:
            server.close()

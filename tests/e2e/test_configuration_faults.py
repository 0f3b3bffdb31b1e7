"""A faulty configuration: the server prints one line for each fault, and ends with 2."""

import socket
from pathlib import Path

from tests.e2e.server_process import ServerProcess

NO_ENGINE = "unix:///nowhere/docker.sock"


async def test_every_fault_has_its_own_line(tmp_path: Path) -> None:
    server = ServerProcess(
        tmp_path,
        "ssh://somewhere",
        DOCKREV_HTTP_ADDR="here",
        DOCKREV_DISCOVERY_INTERVAL_SECONDS="1",
        DOCKREV_LOG_LEVEL="loud",
        DOCKREV_TRUSTED_PROXIES="10.0.0.0/99",
        DOCKREV_HOST_PLATFORM="///",
        DOCKREV_REGISTRY_CA_FILE="/nowhere/ca.pem",
        DOCKREV_REGISTRY_MIRRORS="docker.io",
        DOCKREV_AUTH_ALLOWED_USER_FILE="/nowhere/user",
        DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV="perhaps",
    )
    server.start()
    assert await server.ended() == 2
    lines = server.logs().splitlines()
    assert all(line.startswith("dockrev: ") for line in lines), lines
    assert {line.removeprefix("dockrev: ").partition(":")[0] for line in lines} == {
        "DOCKER_HOST",
        "DOCKREV_HTTP_ADDR",
        "DOCKREV_DISCOVERY_INTERVAL_SECONDS",
        "DOCKREV_LOG_LEVEL",
        "DOCKREV_TRUSTED_PROXIES",
        "DOCKREV_HOST_PLATFORM",
        "DOCKREV_REGISTRY_CA_FILE",
        "DOCKREV_REGISTRY_MIRRORS",
        "DOCKREV_AUTH_ALLOWED_USER_FILE",
        "DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV",
    }
    assert not server.db_path.parent.exists()


async def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = ServerProcess(tmp_path, NO_ENGINE, DOCKREV_HTTP_ADDR=f"127.0.0.1:{port}")
        server.start()
        assert await server.ended() == 2
    assert server.logs() == (
        f"dockrev: DOCKREV_HTTP_ADDR: cannot listen on 127.0.0.1:{port} (Address already in use)\n"
    )


async def test_an_address_of_another_machine_is_reported(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, NO_ENGINE, DOCKREV_HTTP_ADDR="192.0.2.1:50883")
    server.start()
    assert await server.ended() == 2
    assert "DOCKREV_HTTP_ADDR: cannot listen on 192.0.2.1:50883" in server.logs()


async def test_retired_variables_are_named_and_ignored(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, NO_ENGINE, DOCKREV_CHECK_CONCURRENCY="7")
    server.start()
    try:
        await server.serving()
        assert "DOCKREV_CHECK_CONCURRENCY is ignored" in server.logs()
    finally:
        server.close()


async def test_a_configured_platform_overrides_that_of_the_engine(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, NO_ENGINE, DOCKREV_HOST_PLATFORM="linux/arm64")
    server.start()
    try:
        await server.serving()
        async with server.api() as api:
            assert (await api.check())["summary"]["hostPlatform"] == "linux/arm64"
    finally:
        server.close()

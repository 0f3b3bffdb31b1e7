"""Every way in which an engine can fail, and the message for the operator."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from ssl import SSLContext

import pytest
from aiohttp import web

from dockrev.config.shared import DockerConfig
from dockrev.docker.engine import Engine
from dockrev.errors import DockerError
from tests.docker.certificates import make_authority, server_context
from tests.fakes.engine import FakeContainer, FakeEngine, answering_bytes, http

VERSION = http(b'{"Version": "20.10", "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"}')


async def failure(config: DockerConfig, timeout_seconds: float = 5) -> DockerError:
    async with Engine.open(config, timeout_seconds) as engine:
        with pytest.raises(DockerError) as failed:
            await engine.observe()
    return failed.value


async def event_failure(config: DockerConfig, timeout_seconds: float = 5) -> DockerError:
    async with Engine.open(config, timeout_seconds) as engine:
        with pytest.raises(DockerError) as failed:
            await anext(engine.events())
    return failed.value


@contextmanager
def as_nobody() -> Iterator[None]:
    """Runs the block as another user, because root may use every socket."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@asynccontextmanager
async def engine_on_tcp(tls: SSLContext | None = None) -> AsyncIterator[int]:
    async def version(_: web.Request) -> web.Response:
        return web.json_response(FakeEngine(Path("/nowhere")).version)

    async def nothing(_: web.Request) -> web.Response:
        return web.json_response([])

    app = web.Application()
    app.router.add_get("/version", version)
    app.router.add_get("/{version}/{kind}/json", nothing)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_open_sends_no_request(tmp_path: Path) -> None:
    async with Engine.open(DockerConfig(host=f"unix://{tmp_path}/none.sock")):
        pass


async def test_a_missing_socket_is_reported(tmp_path: Path) -> None:
    error = await failure(DockerConfig(host=f"unix://{tmp_path}/none.sock"))

    assert f"no Docker socket at {tmp_path}/none.sock" in error.message
    assert "Is Docker installed" in error.message
    assert "DOCKER_HOST" in error.message
    assert not error.permanent


async def test_a_socket_of_another_group_is_reported(fake: FakeEngine) -> None:
    fake.socket.parent.chmod(0o755)
    fake.socket.chmod(0o600 if os.geteuid() == 0 else 0)
    with as_nobody():
        error = await failure(fake.config)

    assert "may not use the Docker socket" in error.message
    assert "group" in error.message
    assert error.permanent
    assert fake.calls == []


async def test_a_socket_without_a_listener_is_reported(tmp_path: Path) -> None:
    """A crashed engine leaves its socket behind."""
    path = tmp_path / "d.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))

    error = await failure(DockerConfig(host=f"unix://{path}"))

    assert f"Nothing listens at {path}" in error.message
    assert "systemctl start docker" in error.message


async def test_a_port_without_a_listener_is_reported(unused_tcp_port: int) -> None:
    error = await failure(DockerConfig(host=f"tcp://127.0.0.1:{unused_tcp_port}"))

    assert f"Nothing listens at http://127.0.0.1:{unused_tcp_port}" in error.message


async def test_a_host_name_that_does_not_resolve_is_reported() -> None:
    error = await failure(DockerConfig(host="tcp://engine.invalid:2375"))

    assert "http://engine.invalid:2375 cannot be reached" in error.message


async def test_a_password_in_docker_host_is_not_shown(unused_tcp_port: int) -> None:
    error = await failure(DockerConfig(host=f"tcp://ops:s3cret@127.0.0.1:{unused_tcp_port}"))

    assert "s3cret" not in f"{error.message} {error.__cause__}"


async def test_an_engine_that_hangs_is_reported(fake: FakeEngine) -> None:
    fake.hanging = True

    error = await failure(fake.config, timeout_seconds=0.2)

    assert "did not answer within 0.2 seconds" in error.message


async def test_an_engine_that_hangs_before_its_events_is_reported(fake: FakeEngine) -> None:
    fake.hanging = True

    error = await event_failure(fake.config, timeout_seconds=0.2)

    assert "did not answer within 0.2 seconds" in error.message


@pytest.mark.parametrize(
    ("status", "permanent", "hint"),
    [
        (403, True, "A socket proxy in between must allow GET"),
        (404, True, ""),
        (500, False, ""),
        (503, False, ""),
    ],
)
async def test_a_refusal_is_reported_with_its_status(
    fake: FakeEngine, status: int, permanent: bool, hint: str
) -> None:
    fake.failure = (status, "not today")

    error = await failure(fake.config)

    assert f"refused with status {status}: not today." in error.message
    assert hint in error.message
    assert error.permanent is permanent


async def test_an_engine_that_requires_tls_is_reported(fake: FakeEngine) -> None:
    fake.failure = (400, "Client sent an HTTP request to an HTTPS server.")

    assert "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH" in (await failure(fake.config)).message


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(http(b'[{"Id": "c1", "Names"', length=5000), id="in the body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Ty", id="in the head"),
        pytest.param(b"", id="before the answer"),
    ],
)
async def test_an_answer_that_breaks_off_is_reported(broken: bytes) -> None:
    async with answering_bytes(lambda path: VERSION if path == "/version" else broken) as config:
        error = await failure(config)

    assert "broke off in the middle of an answer" in error.message


async def test_an_event_stream_that_breaks_off_is_reported() -> None:
    cut = http(b'{"Type": "container", "Acti', length=5000)
    async with answering_bytes(lambda path: VERSION if path == "/version" else cut) as config:
        error = await event_failure(config)

    assert "broke off in the middle of an answer" in error.message


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(http(b"<html>It works!</html>"), id="a page"),
        pytest.param(http(b""), id="nothing"),
        pytest.param(http(b"null"), id="null"),
        pytest.param(http(b"[1, 2]"), id="numbers"),
        pytest.param(http(b'{"message": "hello"}'), id="an object"),
        pytest.param(http(b'[{"Id": "c1"}]'), id="half a container"),
        pytest.param(http(b'[{"Id": "c1", "ImageID": "i", "Created": "x"}]'), id="no time"),
        pytest.param(http(b'[{"Id": "c1", "ImageID": "i", "Created": 1e300}]'), id="a far time"),
        pytest.param(http(b"[" * 100_000), id="a deep answer"),
        pytest.param(http(b"<html>", status="502 Bad Gateway"), id="a broken error"),
        pytest.param(http(b"[]", status="500 Oh"), id="an error without a message"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(os.urandom(4096), id="noise"),
    ],
)
async def test_an_answer_that_no_engine_gives_is_reported(garbage: bytes) -> None:
    async with answering_bytes(lambda path: VERSION if path == "/version" else garbage) as config:
        error = await failure(config)

    assert "does not speak like a Docker engine" in error.message


@pytest.mark.parametrize("version", [b"[]", b"{}", b'{"ApiVersion": "newest"}', b'{"ApiVersion": 1.41}'])
async def test_an_invalid_version_is_reported(version: bytes) -> None:
    async with answering_bytes(lambda _: http(version)) as config:
        error = await failure(config)

    assert "does not speak like a Docker engine" in error.message


async def test_a_label_that_is_not_utf8_does_not_break_the_list() -> None:
    entry = b'{"Id": "c%d", "ImageID": "i", "Created": 1, "Labels": {"com.docker.compose.project": "%s"}}'
    listed = b",".join((entry % (1, b"bl\xff\xfeg"), entry % (2, b"shop")))
    answers = {"/version": VERSION, "/containers/json": http(b"[%s]" % listed), "/images/json": http(b"[]")}
    async with answering_bytes(answers.__getitem__) as config, Engine.open(config) as engine:
        snapshot = await engine.observe()

    assert [container.project for container in snapshot.containers] == ["bl\ufffd\ufffdg", "shop"]


async def test_misleading_labels_are_plain_text(fake: FakeEngine) -> None:
    lies = {
        "com.docker.compose.container-number": "-1e9",
        "com.docker.compose.oneoff": "perhaps",
        "": "",
        "big": "x" * 10**6,
    }
    fake.containers = [FakeContainer("c1", "nginx", "i", project="", service="../../etc", labels=lies)]

    async with Engine.open(fake.config) as engine:
        (container,) = (await engine.observe()).containers

    assert (container.project, container.service) == (None, "../../etc")
    assert (container.number, container.oneoff) == (None, False)


async def test_the_client_works_again_when_the_engine_is_back(fake: FakeEngine) -> None:
    async with Engine.open(fake.config) as engine:
        await fake.stop()
        with pytest.raises(DockerError):
            await engine.observe()
        await fake.start()

        assert (await engine.observe()).containers == ()


async def test_the_client_works_after_a_cancelled_request(fake: FakeEngine) -> None:
    async with Engine.open(fake.config) as engine:
        fake.hanging = True
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await engine.observe()
        fake.hanging = False

        assert (await engine.observe()).containers == ()


@pytest.mark.parametrize("scheme", ["tcp", "http"])
async def test_an_engine_is_reached_over_tcp(scheme: str) -> None:
    async with (
        engine_on_tcp() as port,
        Engine.open(DockerConfig(host=f"{scheme}://127.0.0.1:{port}")) as engine,
    ):
        assert (await engine.observe()).containers == ()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("authority")
    make_authority(directory)
    return directory


@pytest.mark.parametrize("scheme", ["tcp", "https"])
async def test_an_engine_is_reached_over_tls(authority: Path, scheme: str) -> None:
    async with engine_on_tcp(server_context(authority)) as port:
        config = DockerConfig(host=f"{scheme}://127.0.0.1:{port}", tls_directory=authority)
        async with Engine.open(config) as engine:
            assert (await engine.observe()).containers == ()


async def test_an_engine_with_a_certificate_of_another_authority_is_not_trusted(
    authority: Path, tmp_path: Path
) -> None:
    make_authority(tmp_path)
    async with engine_on_tcp(server_context(authority)) as port:
        error = await failure(DockerConfig(host=f"tcp://127.0.0.1:{port}", tls_directory=tmp_path))

    assert f"TLS with the Docker engine at https://127.0.0.1:{port} failed" in error.message
    assert "ca.pem in DOCKER_CERT_PATH" in error.message
    assert error.permanent


async def test_an_engine_that_does_not_accept_our_certificate(authority: Path, tmp_path: Path) -> None:
    make_authority(tmp_path)
    (tmp_path / "ca.pem").write_bytes((authority / "ca.pem").read_bytes())
    async with engine_on_tcp(server_context(authority)) as port:
        error = await failure(DockerConfig(host=f"tcp://127.0.0.1:{port}", tls_directory=tmp_path))

    assert "does not accept cert.pem in DOCKER_CERT_PATH" in error.message


async def test_tls_with_an_engine_without_tls_is_reported(authority: Path) -> None:
    async with engine_on_tcp() as port:
        error = await failure(DockerConfig(host=f"tcp://127.0.0.1:{port}", tls_directory=authority))

    assert "TLS with the Docker engine" in error.message


async def test_missing_tls_files_are_reported(tmp_path: Path) -> None:
    error = await failure(DockerConfig(host="tcp://127.0.0.1:2376", tls_directory=tmp_path))

    assert f"TLS files for the Docker engine in {tmp_path} cannot be used" in error.message
    assert "ca.pem, cert.pem and key.pem" in error.message

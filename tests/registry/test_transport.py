"""Failures of the network and of TLS, in words a person can act on."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import client_exceptions
from aiohttp.abc import AbstractResolver, ResolveResult

from dockrev.clock import SystemClock
from dockrev.config import RegistryConfig
from dockrev.errors import ConfigError, RegistryError, RegistryErrorCode
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from dockrev.registry.transport import (
    FOREIGN,
    HostFailure,
    RequestKind,
    Timeouts,
    Transport,
    WireRequest,
    connect,
    tls_context,
)
from tests.fakes.registry import FakeRegistry
from tests.registry.conftest import IMPATIENT, OpenClient


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subject = ("-subj", "/CN=fake registry", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path))
    command = ("openssl", "req", "-x509", *key, *subject, "-out", str(path.with_suffix(".crt")))
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


def served_with(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def request(url: str) -> WireRequest:
    return WireRequest(RequestKind.HEAD, "HEAD", url, {}, 0)


@asynccontextmanager
async def transport(timeouts: Timeouts = IMPATIENT) -> AsyncIterator[Transport]:
    async with connect(tls_context(None), timeouts) as session:
        yield Transport(session, timeouts)


async def test_an_untrusted_certificate_says_how_to_trust_it(certificate: Path) -> None:
    async with FakeRegistry(tls=served_with(certificate)) as registry, transport() as wire:
        with pytest.raises(HostFailure, match="not trusted") as caught:
            await wire.send(request(f"{registry.url}/v2/"))

    assert (caught.value.reason, caught.value.permanent) == (RegistryErrorCode.TLS, True)
    assert "DOCKREV_REGISTRY_CA_FILE" in caught.value.advice
    assert "DOCKREV_INSECURE_REGISTRIES" in caught.value.advice


async def test_a_registry_without_tls_says_how_to_reach_it() -> None:
    async with FakeRegistry() as registry, transport() as wire:
        with pytest.raises(HostFailure, match="does not speak TLS") as caught:
            await wire.send(request(f"https://{registry.host}/v2/"))

    assert "DOCKREV_INSECURE_REGISTRIES" in caught.value.advice


async def test_the_authority_in_the_ca_file_is_trusted(open_client: OpenClient, certificate: Path) -> None:
    async with FakeRegistry(tls=served_with(certificate)) as mirror, FakeRegistry() as origin:
        digest = mirror.push("app", "1")
        image = ImageRef.parse(f"{origin.host}/app:1")

        async with open_client(mirrors={origin.host: (mirror.url,)}, ca_file=certificate) as client:
            assert await client.head(image) == digest


async def test_a_redirect_from_https_to_http_is_refused(open_client: OpenClient, certificate: Path) -> None:
    async with (
        FakeRegistry(tls=served_with(certificate)) as mirror,
        FakeRegistry() as plain,
        FakeRegistry() as origin,
    ):
        plain.push("app", "1", revision="forged")
        mirror.faults.redirect_to = plain.url
        digest = origin.push("app", "1")

        async with open_client(mirrors={origin.host: (mirror.url,)}, ca_file=certificate) as client:
            assert await client.head(ImageRef.parse(f"{origin.host}/app:1")) == digest

        assert plain.requests == []


async def test_an_https_registry_may_not_name_an_http_token_server(
    open_client: OpenClient, certificate: Path
) -> None:
    async with FakeRegistry() as tokens, FakeRegistry() as origin:
        realm = f"{tokens.url}/token"
        async with FakeRegistry("bearer", tls=served_with(certificate), realm=realm) as mirror:
            digest = origin.push("app", "1")

            async with open_client(mirrors={origin.host: (mirror.url,)}, ca_file=certificate) as client:
                assert await client.head(ImageRef.parse(f"{origin.host}/app:1")) == digest

            assert (mirror.counts["401"], tokens.requests) == (1, [])


async def test_a_ca_file_without_certificates_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificates here")
    config = RegistryConfig(tmp_path / "config.json", ca_file=empty)

    with pytest.raises(ConfigError, match="DOCKREV_REGISTRY_CA_FILE"):
        async with RegistryClient.open(config, SystemClock()):
            pass


class NoNames(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(None, f"{host}:{port} has no {family.name} address")

    async def close(self) -> None:
        pass


async def test_a_name_without_address_is_unreachable() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=NoNames())) as session:
        with pytest.raises(HostFailure, match="has no address") as caught:
            await Transport(session, IMPATIENT).send(request("https://registry.example/v2/"))

    assert caught.value.reason is RegistryErrorCode.UNREACHABLE


async def test_a_refused_connection_is_told_in_words(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        await registry.stop()
        with pytest.raises(RegistryError) as raised:
            await client.head(ImageRef.parse(f"{registry.host}/app:1"))
    assert f"{registry.host} cannot be connected to (connection refused) when" in raised.value.message
    assert not raised.value.message.endswith(".")


async def test_a_connection_that_is_not_taken_ends_in_time() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        queued = [socket.socket() for _ in range(4)]
        for waiting in queued:
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with transport(Timeouts(connect_seconds=0.2, total_seconds=5)) as wire:
            with pytest.raises(HostFailure, match=r"took no connection within 0\.2 s") as caught:
                await wire.send(request(f"http://127.0.0.1:{full.getsockname()[1]}/v2/"))
        for waiting in queued:
            waiting.close()

    assert caught.value.reason is RegistryErrorCode.TIMEOUT


@asynccontextmanager
async def server_that_says(answer: bytes) -> AsyncIterator[str]:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2/"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", RegistryErrorCode.BAD_ANSWER),
        (b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n", RegistryErrorCode.BAD_ANSWER),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", RegistryErrorCode.BAD_ANSWER),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", RegistryErrorCode.UNREACHABLE),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbody\r\n",
            RegistryErrorCode.BAD_ANSWER,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody",
            RegistryErrorCode.UNREACHABLE,
        ),
        (b"", RegistryErrorCode.UNREACHABLE),
    ],
)
async def test_broken_http_is_translated(answer: bytes, reason: RegistryErrorCode) -> None:
    async with server_that_says(answer) as url, transport() as wire:
        with pytest.raises(HostFailure) as caught:
            await wire.send(WireRequest(RequestKind.TAGS, "GET", url, {}, 1000))

    assert caught.value.reason is reason


async def test_a_body_without_end_is_left_once_it_is_too_long() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 1000)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    async with server, transport() as wire:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2/"
        answer = await wire.send(WireRequest(RequestKind.TAGS, "GET", url, {}, 5000))

    assert len(answer.body) == 5001


def test_every_exception_of_the_http_library_is_translated() -> None:
    raised = [
        thing
        for thing in vars(client_exceptions).values()
        if isinstance(thing, type)
        and issubclass(thing, Exception)
        and thing is not aiohttp.WSMessageTypeError
    ]

    assert len(raised) > 20
    assert [thing for thing in raised if not issubclass(thing, FOREIGN)] == []

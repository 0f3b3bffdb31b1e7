"""Registries over TLS, and failures of the network in words an operator can act on."""

from pathlib import Path

import pytest

from dockrev.clock import SystemClock
from dockrev.config.server import RegistryConfig
from dockrev.errors import ConfigError, RegistryError
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient, open_http
from tests.fakes.http_server import self_signed_certificate, served_with
from tests.fakes.registry import FakeRegistry
from tests.registry.conftest import OpenClient


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


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


async def test_a_ca_file_without_certificates_is_a_configuration_error(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificates here")
    config = RegistryConfig(tmp_path / "config.json", ca_file=empty)

    with pytest.raises(ConfigError, match="DOCKREV_REGISTRY_CA_FILE"):
        async with open_http(config, SystemClock()):
            pass


async def test_a_refused_connection_has_a_clear_message(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        await registry.stop()
        with pytest.raises(RegistryError) as raised:
            await client.head(ImageRef.parse(f"{registry.host}/app:1"))
    assert f"{registry.host} cannot be connected to (connection refused) when" in raised.value.message
    assert not raised.value.message.endswith(".")

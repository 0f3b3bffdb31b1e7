from pathlib import Path

import pytest

from dockrev.config.shared import DockerConfig
from dockrev.docker.address import EngineAddress

TLS = Path("/certificates")


@pytest.mark.parametrize(
    ("host", "tls", "url"),
    [
        ("tcp://10.0.0.5:4000", None, "http://10.0.0.5:4000"),
        ("tcp://10.0.0.5", None, "http://10.0.0.5:2375"),
        ("tcp://10.0.0.5", TLS, "https://10.0.0.5:2376"),
        ("tcp://[::1]:2375", None, "http://[::1]:2375"),
        ("http://proxy:2375/", None, "http://proxy:2375"),
        ("http://proxy:2375", TLS, "http://proxy:2375"),
        ("https://proxy", None, "https://proxy"),
        ("tcp://ops:s3cret@proxy:2375", None, "http://proxy:2375"),
        ("https://ops:s3cret@proxy:2375", None, "https://proxy:2375"),
    ],
)
def test_docker_host_is_parsed_into_an_address(host: str, tls: Path | None, url: str) -> None:
    address = EngineAddress.of(DockerConfig(host=host, tls_directory=tls))

    assert (address.url, str(address), address.socket) == (url, url, None)


def test_a_socket_address_is_shown_as_its_path() -> None:
    address = EngineAddress.of(DockerConfig(host="unix:///run/docker.sock", tls_directory=TLS))

    assert str(address) == "/run/docker.sock"
    assert address.tls_directory is None

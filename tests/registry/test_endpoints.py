from pathlib import Path

import pytest

from dockrev.config.server import RegistryConfig
from dockrev.registry.credentials import Credential
from dockrev.registry.endpoints import endpoints_for, redirect_target, target_of

CONFIG = RegistryConfig(
    Path("config.json"),
    insecure=frozenset({"registry.lan:5000"}),
    mirrors={"docker.io": ("https://mirror.example", "http://u:p%40ss@10.0.0.5:5000/hub/")},
)


@pytest.mark.parametrize(
    ("registry", "base"),
    [
        ("ghcr.io", "https://ghcr.io"),
        ("registry.example:5000", "https://registry.example:5000"),
        ("registry.lan:5000", "http://registry.lan:5000"),
        ("registry.lan", "https://registry.lan"),
        ("localhost", "http://localhost"),
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("127.8.9.1", "http://127.8.9.1"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("128.0.0.1:5000", "https://128.0.0.1:5000"),
        ("localhost.example", "https://localhost.example"),
    ],
)
def test_only_loopback_and_listed_registries_use_plain_http(registry: str, base: str) -> None:
    (endpoint,) = endpoints_for(registry, CONFIG)

    assert (endpoint.base, endpoint.host) == (base, registry)


def test_docker_hub_comes_after_its_mirrors() -> None:
    first, second, hub = endpoints_for("docker.io", CONFIG)

    assert (hub.base, hub.host) == ("https://registry-1.docker.io", "docker.io")
    assert (first.base, first.host, first.path) == ("https://mirror.example", "mirror.example", "")
    assert (second.base, second.host, second.path) == ("http://10.0.0.5:5000/hub", "10.0.0.5:5000", "/hub")
    assert second.credential == Credential("u", "p@ss")


def test_the_login_in_a_mirrors_address_is_not_shown() -> None:
    assert "p@ss" not in repr(endpoints_for("docker.io", CONFIG))


def test_a_redirect_leads_to_an_anonymous_endpoint_without_userinfo() -> None:
    endpoint = redirect_target("https://user:pass@Storage.example:8443/bucket/x?sig=a%2Fb")

    assert (endpoint.base, endpoint.anonymous) == ("https://storage.example:8443", True)


def test_a_signed_target_is_kept_byte_for_byte() -> None:
    assert target_of("https://s.example/b/x%2F?sig=a%2Fb+c&d=e=") == "/b/x%2F?sig=a%2Fb+c&d=e="

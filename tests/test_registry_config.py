"""The configuration of registries: plain HTTP, mirrors, retries, and bulk APIs."""

from pathlib import Path

import pytest

from dockrev.config.server import Config
from tests.test_config import problems


def test_every_registry_variable_is_read(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    registry = Config.from_env(
        {
            "DOCKREV_INSECURE_REGISTRIES": "Reg.lan:5000, ,other.lan",
            "DOCKREV_REGISTRY_CA_FILE": str(authority),
            "DOCKREV_REGISTRY_RETRY_MAX_ATTEMPTS": "5",
            "DOCKREV_REGISTRY_RETRY_BASE_MS": "10",
            "DOCKREV_REGISTRY_RETRY_MAX_MS": "10",
        }
    ).registry
    assert registry.insecure == {"reg.lan:5000", "other.lan"}
    assert registry.ca_file == authority
    assert (registry.retry_max_attempts, registry.retry_base_ms, registry.retry_max_ms) == (5, 10, 10)


@pytest.mark.parametrize(
    "text",
    ["https://reg.lan", "reg.lan/path", "reg.lan:x", "reg.lan:70000", "10.0.0.0/8", "[::1", "a b", "u@h"],
)
def test_an_insecure_registry_must_be_a_host(text: str) -> None:
    (problem,) = problems(DOCKREV_INSECURE_REGISTRIES=f"good.lan:5000,{text}")
    assert problem == f"DOCKREV_INSECURE_REGISTRIES: {text!r} is not host or host:port"


def test_an_insecure_registry_may_be_an_address() -> None:
    registry = Config.from_env({"DOCKREV_INSECURE_REGISTRIES": "10.0.0.1,[FD00::1]:5000"}).registry
    assert registry.insecure == {"10.0.0.1", "[fd00::1]:5000"}


def test_mirrors_keep_their_order() -> None:
    text = " Docker.io = https://a.example/, http://b.example ; ghcr.io=https://c.example;"
    assert Config.from_env({"DOCKREV_REGISTRY_MIRRORS": text}).registry.mirrors == {
        "docker.io": ("https://a.example", "http://b.example"),
        "ghcr.io": ("https://c.example",),
    }


@pytest.mark.parametrize(
    "text", ["docker.io", "docker.io=", "=https://a", " =https://a", "docker.io=a.example", "a=https://b,c"]
)
def test_a_mirror_must_name_a_registry_and_addresses(text: str) -> None:
    (problem,) = problems(DOCKREV_REGISTRY_MIRRORS=text)
    assert problem.startswith("DOCKREV_REGISTRY_MIRRORS: ")


def test_the_addresses_of_the_bulk_apis_can_be_changed() -> None:
    registry = Config.from_env({}).registry
    assert (registry.docker_hub_api_url, registry.quay_api_url, registry.github_api_url) == (
        "https://hub.docker.com",
        "https://quay.io",
        "https://api.github.com",
    )
    registry = Config.from_env(
        {
            "DOCKREV_DOCKER_HUB_API_URL": "http://10.0.0.5:8080/",
            "DOCKREV_QUAY_API_URL": "https://quay.example",
            "DOCKREV_GITHUB_API_URL": "https://[::1]:8443",
        }
    ).registry
    assert (registry.docker_hub_api_url, registry.quay_api_url, registry.github_api_url) == (
        "http://10.0.0.5:8080",
        "https://quay.example",
        "https://[::1]:8443",
    )


@pytest.mark.parametrize(
    "text",
    ["api.example", "ftp://api.example", "https://", "https://ann:geheim@api.example", "https://a/b?c"],
)
def test_the_address_of_an_api_has_only_a_scheme_and_a_host(text: str) -> None:
    (problem,) = problems(DOCKREV_GITHUB_API_URL=text)
    assert problem.startswith("DOCKREV_GITHUB_API_URL: ")
    assert "geheim" not in problem


def test_the_longest_pause_between_retries_must_not_be_below_the_shortest() -> None:
    (problem,) = problems(DOCKREV_REGISTRY_RETRY_BASE_MS="100", DOCKREV_REGISTRY_RETRY_MAX_MS="99")
    assert problem.startswith("DOCKREV_REGISTRY_RETRY_MAX_MS: ")

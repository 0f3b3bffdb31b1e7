"""The configuration: each variable, its default, and the list of all faults."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dockrev.config.server import RETIRED, Config, DiscoveryConfig, RuntimeScanConfig
from dockrev.config.shared import AuthConfig, HttpAddress, LogConfig
from dockrev.docker.address import EngineAddress
from dockrev.errors import ConfigError
from dockrev.oci.platform import Platform


def problems(**env: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        Config.from_env(env)
    return raised.value.problems


def test_an_empty_environment_gives_a_usable_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = Config.from_env({})
    assert config.http == HttpAddress("0.0.0.0", 50883)
    assert config.db_path == tmp_path / "data" / "dockrev.sqlite3"
    assert config.auth == AuthConfig()
    assert config.discovery == DiscoveryConfig(interval_seconds=60, max_actions=200)
    assert config.log == LogConfig("info", "auto")
    assert config.warnings == ()


def test_the_default_engine_is_the_local_socket_and_the_default_credentials_are_dockers() -> None:
    config = Config.from_env({"HOME": "/home/ann"})
    assert config.docker.host == "unix:///var/run/docker.sock"
    assert (config.docker.tls_directory, config.docker.platform, config.docker.compose_bin) == (None,) * 3
    assert config.registry.credentials_file == Path("/home/ann/.docker/config.json")
    assert (config.registry.insecure, config.registry.ca_file, config.registry.mirrors) == (
        frozenset(),
        None,
        {},
    )
    registry = config.registry
    assert (registry.retry_max_attempts, registry.retry_base_ms, registry.retry_max_ms) == (3, 250, 2000)


def test_a_blank_value_counts_as_unset() -> None:
    blank = {"DOCKREV_HTTP_ADDR": " ", "DOCKREV_LOG_LEVEL": "", "DOCKREV_DISCOVERY_INTERVAL_SECONDS": "\t"}
    assert Config.from_env(blank | {"HOME": "/h"}) == Config.from_env({"HOME": "/h"})


def test_the_version_is_that_of_the_package_unless_the_image_sets_another() -> None:
    assert Config.from_env({"APP_EFFECTIVE_VERSION": " 9.8.7 "}).version == "9.8.7"
    assert Config.from_env({}).version


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", HttpAddress("127.0.0.1", 80)),
        (":8080", HttpAddress("0.0.0.0", 8080)),
        ("[::1]:443", HttpAddress("::1", 443)),
        ("localhost:0", HttpAddress("localhost", 0)),
    ],
)
def test_the_address_to_listen_on_is_read(text: str, address: HttpAddress) -> None:
    assert Config.from_env({"DOCKREV_HTTP_ADDR": text}).http == address


def test_an_ipv6_address_is_printed_in_brackets() -> None:
    assert str(HttpAddress("::1", 443)) == "[::1]:443"
    assert str(HttpAddress("127.0.0.1", 80)) == "127.0.0.1:80"


@pytest.mark.parametrize(
    "text", ["localhost", "host:", "host:http", "host:65536", "host:-1", "host:" + "9" * 5000]
)
def test_an_address_without_a_usable_port_is_refused(text: str) -> None:
    (problem,) = problems(DOCKREV_HTTP_ADDR=text)
    assert problem.startswith("DOCKREV_HTTP_ADDR: ")


def test_a_relative_database_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Config.from_env({"DOCKREV_DB_PATH": "x/y.db"}).db_path == tmp_path / "x" / "y.db"


def test_every_docker_variable_is_read() -> None:
    docker = Config.from_env(
        {
            "DOCKER_HOST": "tcp://engine:2376",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": "/certs",
            "DOCKREV_HOST_PLATFORM": "linux/aarch64",
            "DOCKREV_COMPOSE_BIN": "/opt/compose",
        }
    ).docker
    assert (docker.host, docker.tls_directory) == ("tcp://engine:2376", Path("/certs"))
    assert docker.platform == Platform("linux", "arm64")
    assert docker.compose_bin == "/opt/compose"


@pytest.mark.parametrize(
    "text",
    [
        "https://",
        "tcp://",
        "http://",
        "tcp://:2375",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:abc",
        "tcp://127.0.0.1:99999",
        "tcp://[::1",
        "tcp://[::g]:1",
        "tcp://a b:1",
        "tcp://a..b:1",
        "tcp://häuser:1",
        "tcp://host:1/path",
        "unix://",
        "unix://relative.sock",
        "unix:///a\0b",
        "/var/run/docker.sock",
    ],
)
def test_a_docker_host_that_is_not_an_address_is_refused(text: str) -> None:
    (problem,) = problems(DOCKER_HOST=text)
    assert problem.startswith("DOCKER_HOST: ")


@pytest.mark.parametrize("text", ["tcp://ann:s3@cret@host:x", "ssh://ann:s3cret@host", "ann:s3cret@host"])
def test_a_password_in_docker_host_is_not_shown(text: str) -> None:
    (problem,) = problems(DOCKER_HOST=text)
    assert "cret" not in problem
    assert "***@host" in problem


def test_a_password_in_docker_host_is_left_out() -> None:
    assert Config.from_env({"DOCKER_HOST": "tcp://ann:s3cret@host:1/"}).docker.host == "tcp://host:1"


@given(
    st.from_regex(r"(tcp|https?|unix)://[\x00-\x7f]{0,12}", fullmatch=True)
    | st.from_regex(r"(tcp|https?)://([a-z:%\[]{0,5}@)?[\w.:\[\]-]{1,12}(:[0-9]{0,5})?/?", fullmatch=True)
)
@settings(max_examples=60, deadline=None)
@example("tcp://[@0")
@example("tcp://[::1]:2375")
@example("tcp://xn--a:1")
def test_a_docker_host_is_refused_or_becomes_an_address(text: str) -> None:
    refused: tuple[str, ...] = ()
    try:
        assert str(EngineAddress.of(Config.from_env({"DOCKER_HOST": text}).docker))
    except ConfigError as error:
        refused = error.problems
    assert {problem.partition(":")[0] for problem in refused} <= {"DOCKER_HOST"}


def test_the_default_directory_of_certificates_is_that_of_dockers_configuration() -> None:
    docker = Config.from_env({"DOCKER_TLS_VERIFY": "1", "HOME": "/home/ann"}).docker
    assert docker.tls_directory == Path("/home/ann/.docker")


def test_compose_inherits_three_variables_and_no_secret() -> None:
    env = {"PATH": "/bin", "HOME": "/h", "DOCKER_CONFIG": "/d", "DB_PASSWORD": "s3cret", "LANG": "de"}
    assert Config.from_env(env).docker.child_environment == {
        "PATH": "/bin",
        "HOME": "/h",
        "DOCKER_CONFIG": "/d",
    }


@pytest.mark.parametrize(
    ("env", "path"),
    [
        ({"DOCKREV_DOCKER_CONFIG": "/a.json", "DOCKER_CONFIG": "/d", "HOME": "/h"}, "/a.json"),
        ({"DOCKER_CONFIG": "/d", "HOME": "/h"}, "/d/config.json"),
        ({"HOME": "/h"}, "/h/.docker/config.json"),
        ({}, "/root/.docker/config.json"),
    ],
)
def test_our_own_variable_for_credentials_overrides_dockers(env: dict[str, str], path: str) -> None:
    assert Config.from_env(env).registry.credentials_file == Path(path)


@pytest.mark.parametrize("name", ["DOCKREV_AUTH_FORWARD_HEADER_NAME", "DOCKREV_AUTH_GROUP_HEADER_NAME"])
@pytest.mark.parametrize("text", ["X User", "X-User:", "X-Benützer", "X-User,X-Other"])
def test_an_invalid_header_name_is_refused(name: str, text: str) -> None:
    (problem,) = problems(**{name: text})
    assert problem == f"{name}: {text!r} is not the name of a header"


def test_a_missing_file_of_logins_is_a_warning(tmp_path: Path) -> None:
    (warning,) = Config.from_env({"DOCKREV_DOCKER_CONFIG": str(tmp_path / "none.json")}).warnings
    assert warning.startswith("DOCKREV_DOCKER_CONFIG: there is no file ")
    (tmp_path / "some.json").write_text("{}")
    assert Config.from_env({"DOCKREV_DOCKER_CONFIG": str(tmp_path / "some.json")}).warnings == ()


def test_every_variable_about_identity_is_read() -> None:
    auth = Config.from_env(
        {
            "DOCKREV_AUTH_FORWARD_HEADER_NAME": "X-User",
            "DOCKREV_AUTH_GROUP_HEADER_NAME": "X-Groups",
            "DOCKREV_AUTH_ALLOWED_USER": " ann ",
            "DOCKREV_AUTH_ALLOWED_GROUP": "ops",
            "DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV": "No",
            "DOCKREV_TRUSTED_PROXIES": "10.0.0.0/8, ::1, 192.168.1.7/24",
        }
    ).auth
    networks = tuple(map(ip_network, ("10.0.0.0/8", "::1/128", "192.168.1.0/24")))
    assert auth == AuthConfig("x-user", "x-groups", "ann", "ops", False, networks)


@pytest.mark.parametrize("text", ["1", "true", "YES", "y", "On"])
def test_several_words_switch_a_flag_on(text: str) -> None:
    assert Config.from_env({"DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV": text}).auth.allow_anonymous is True


@pytest.mark.parametrize("text", ["0", "false", "NO", "n", "Off"])
def test_several_words_switch_a_flag_off(text: str) -> None:
    assert Config.from_env({"DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV": text}).auth.allow_anonymous is False


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("ann\n")
    env = {"DOCKREV_AUTH_ALLOWED_USER_FILE": str(tmp_path / "user")}
    assert Config.from_env(env).auth.allowed_user == "ann"


def test_a_secret_must_not_be_set_both_directly_and_by_file(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("ann")
    (problem,) = problems(
        DOCKREV_AUTH_ALLOWED_USER="bob", DOCKREV_AUTH_ALLOWED_USER_FILE=str(tmp_path / "user")
    )
    assert "not both" in problem
    assert "bob" not in problem


def test_a_missing_file_of_a_secret_is_a_fault(tmp_path: Path) -> None:
    (problem,) = problems(DOCKREV_AUTH_ALLOWED_GROUP_FILE=str(tmp_path / "none"))
    assert problem.startswith("DOCKREV_AUTH_ALLOWED_GROUP_FILE: cannot read")


def test_an_empty_file_of_a_secret_is_a_fault_and_does_not_open_the_access(tmp_path: Path) -> None:
    (tmp_path / "user").write_text(" \n")
    (problem,) = problems(DOCKREV_AUTH_ALLOWED_USER_FILE=str(tmp_path / "user"))
    assert problem.startswith("DOCKREV_AUTH_ALLOWED_USER_FILE: ")
    assert "empty" in problem


def test_a_secret_that_is_not_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "user").write_bytes(b"\xffhunter2")
    (problem,) = problems(DOCKREV_AUTH_ALLOWED_USER_FILE=str(tmp_path / "user"))
    assert "not UTF-8" in problem
    assert "0xff" not in problem


def test_the_variables_of_scans_and_logs_are_read() -> None:
    config = Config.from_env(
        {
            "DOCKREV_DISCOVERY_INTERVAL_SECONDS": "10",
            "DOCKREV_DISCOVERY_MAX_ACTIONS": "1",
            "DOCKREV_RUNTIME_SCAN_INTERVAL_SECONDS": "30",
            "DOCKREV_LOG_LEVEL": "DEBUG",
            "DOCKREV_LOG_FORMAT": "json",
        }
    )
    assert config.discovery == DiscoveryConfig(10, 1)
    assert config.runtime_scan == RuntimeScanConfig(30)
    assert config.log == LogConfig("debug", "json")


@pytest.mark.parametrize("text", ["9", "-60", "--60", "60s", "6.0", "1e3", "", "9" * 5000])
def test_a_value_that_is_not_a_number_or_too_small_is_refused(text: str) -> None:
    env = {"DOCKREV_DISCOVERY_INTERVAL_SECONDS": text or "-"}
    (problem,) = problems(**env)
    assert problem.startswith("DOCKREV_DISCOVERY_INTERVAL_SECONDS: ")
    assert "at least 10" in problem


def test_every_fault_is_listed_at_once(tmp_path: Path) -> None:
    faults = {
        "DOCKREV_HTTP_ADDR": "nowhere",
        "DOCKER_HOST": "ssh://host",
        "DOCKREV_HOST_PLATFORM": "linux",
        "DOCKREV_REGISTRY_CA_FILE": str(tmp_path / "none.pem"),
        "DOCKREV_INSECURE_REGISTRIES": "http://x",
        "DOCKREV_REGISTRY_MIRRORS": "x",
        "DOCKREV_REGISTRY_RETRY_MAX_ATTEMPTS": "0",
        "DOCKREV_REGISTRY_RETRY_BASE_MS": "x",
        "DOCKREV_REGISTRY_RETRY_MAX_MS": "1",
        "DOCKREV_DOCKER_HUB_API_URL": "x",
        "DOCKREV_QUAY_API_URL": "x",
        "DOCKREV_GITHUB_API_URL": "x",
        "DOCKREV_AUTH_FORWARD_HEADER_NAME": "a b",
        "DOCKREV_AUTH_ALLOWED_USER_FILE": str(tmp_path / "none"),
        "DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV": "perhaps",
        "DOCKREV_TRUSTED_PROXIES": "10.0.0.0/99",
        "DOCKREV_DISCOVERY_INTERVAL_SECONDS": "1",
        "DOCKREV_DISCOVERY_MAX_ACTIONS": "0",
        "DOCKREV_RUNTIME_SCAN_INTERVAL_SECONDS": "29",
        "DOCKREV_LOG_LEVEL": "loud",
        "DOCKREV_LOG_FORMAT": "xml",
    }
    assert sorted(problem.partition(":")[0] for problem in problems(**faults)) == sorted(faults)


def test_a_file_name_that_is_too_long_counts_as_a_missing_file() -> None:
    (problem,) = problems(DOCKREV_REGISTRY_CA_FILE="/" + "x" * 5000)
    assert problem.startswith("DOCKREV_REGISTRY_CA_FILE: ")


@pytest.mark.parametrize("name", RETIRED)
def test_a_variable_of_an_older_release_is_ignored_with_a_warning(name: str) -> None:
    (warning,) = Config.from_env({name: "3"}).warnings
    assert warning.startswith(f"{name} is ignored: ")


class RecordingEnvironment(dict[str, str]):
    """Records the names of the variables that are read."""

    def __init__(self, **values: str) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def test_the_manual_explains_exactly_the_variables_that_are_read() -> None:
    env = RecordingEnvironment(DOCKER_TLS_VERIFY="1")
    Config.from_env(env)
    manual = (Path(__file__).parent.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"\b(?:DOCKREV|DOCKER|APP|XDG)_[A-Z_]+\b", manual))
    assert explained == env.names - {"HOME", "PATH"}


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_the_secret_key_is_32_bytes_in_base64(encode: Callable[[bytes], bytes]) -> None:
    key = bytes(range(224, 256))
    config = Config.from_env({"DOCKREV_SECRET_KEY": encode(key).decode(), "DOCKREV_DB_PATH": "/data/db"})
    assert config.secret_key == urlsafe_b64encode(key)
    assert config.secret_key.decode() not in repr(config)
    assert config.secret_key_file == Path("/data/db.key")
    assert Config.from_env({}).secret_key is None


@pytest.mark.parametrize("text", ["hunter2", "aHVudGVyMg==", "\u00fc" * 44, "A" * 100])
def test_a_wrong_secret_key_is_refused_without_showing_it(text: str) -> None:
    (problem,) = problems(DOCKREV_SECRET_KEY=text)
    assert problem == "DOCKREV_SECRET_KEY: not 32 bytes in base64; `openssl rand -base64 32` makes a key"

"""
The configuration: read once from the environment, refused loudly, every fault listed.

`docs/operations.md` explains each variable to operators; a test holds that list and this module together.
"""

import os.path
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar

from dockrev.errors import ConfigError, InvalidArgument
from dockrev.oci.platform import Platform

Network = IPv4Network | IPv6Network
Value = TypeVar("Value")

DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock"

RETIRED = {
    "DOCKREV_CHECK_CONCURRENCY": "the limit is seven requests at once for each registry",
    "DOCKREV_REGISTRY_PER_HOST_CONCURRENCY": "the limit is seven requests at once for each registry",
}
"""Variables of older releases: ignored, and `dockrev doctor` and the log say so."""


def effective_version(env: Mapping[str, str]) -> str:
    """The package's, unless a container image says otherwise."""
    return env.get("APP_EFFECTIVE_VERSION", "").strip() or version("dockrev")


@dataclass(frozen=True, slots=True)
class HttpAddress:
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """Where the engine listens. `tls_directory` holds ca.pem, cert.pem and key.pem."""

    host: str = DEFAULT_DOCKER_HOST
    tls_directory: Path | None = None
    platform: Platform | None = None
    """Overrides what the engine says of itself."""
    compose_bin: str | None = None
    """None: `docker compose` when that plugin answers, else `docker-compose`."""
    child_environment: Mapping[str, str] = field(default_factory=dict)
    """What the Compose CLI inherits. No more: a variable too many would end up in someone's `${VAR}`."""


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    credentials_file: Path
    insecure: frozenset[str] = frozenset()
    """`host[:port]` reached by plain HTTP; loopback registries are anyway."""
    ca_file: Path | None = None
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Registry host to the base URLs that are asked first, in order."""
    retry_max_attempts: int = 3
    retry_base_ms: int = 250
    retry_max_ms: int = 2000
    docker_hub_api_url: str = "https://hub.docker.com"
    quay_api_url: str = "https://quay.io"
    github_api_url: str = "https://api.github.com"


@dataclass(frozen=True, slots=True)
class AuthConfig:
    user_header: str = "x-forwarded-user"
    group_header: str = "remote-groups"
    allowed_user: str | None = None
    allowed_group: str | None = None
    allow_anonymous: bool = True
    """Counts only while neither an allowed user nor an allowed group is set."""
    trusted_proxies: tuple[Network, ...] | None = None
    """Peers whose identity headers are believed; None: any peer."""


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    interval_seconds: int = 60
    max_actions: int = 200


@dataclass(frozen=True, slots=True)
class LogConfig:
    level: str = "info"
    format: str = "auto"
    """`auto`: colours on a terminal, JSON elsewhere."""


@dataclass(frozen=True, slots=True)
class Config:
    version: str
    http: HttpAddress
    db_path: Path
    docker: DockerConfig
    registry: RegistryConfig
    auth: AuthConfig
    discovery: DiscoveryConfig
    log: LogConfig
    cache_directory: Path
    """Where `dockrev check` keeps what it learned, in a directory of its own."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Config":
        """Raises ConfigError naming every fault at once."""
        read = _Reader(env)
        config = cls(
            version=effective_version(env),
            http=read.parsed("DOCKREV_HTTP_ADDR", _http_address, HttpAddress("0.0.0.0", 50883)),  # noqa: S104 -- a server in a container listens on all its interfaces
            db_path=Path(read.text("DOCKREV_DB_PATH") or "data/dockrev.sqlite3").absolute(),
            docker=_docker(read),
            registry=_registry(read),
            auth=_auth(read),
            discovery=DiscoveryConfig(
                interval_seconds=read.integer("DOCKREV_DISCOVERY_INTERVAL_SECONDS", 60, minimum=10),
                max_actions=read.integer("DOCKREV_DISCOVERY_MAX_ACTIONS", 200, minimum=1),
            ),
            log=LogConfig(
                level=read.choice("DOCKREV_LOG_LEVEL", ("info", "debug", "warning", "error")),
                format=read.choice("DOCKREV_LOG_FORMAT", ("auto", "json", "console")),
            ),
            cache_directory=Path(read.text("XDG_CACHE_HOME") or _home(read) / ".cache") / "dockrev",
            warnings=_warnings(read),
        )
        if read.problems:
            raise ConfigError(read.problems)
        return config


def _docker(read: "_Reader") -> DockerConfig:
    tls = None
    if read.text("DOCKER_TLS_VERIFY"):
        tls = Path(read.text("DOCKER_CERT_PATH") or _home(read) / ".docker")
    return DockerConfig(
        host=read.parsed("DOCKER_HOST", _docker_host, DEFAULT_DOCKER_HOST),
        tls_directory=tls,
        platform=read.parsed("DOCKREV_HOST_PLATFORM", Platform.parse, None),
        compose_bin=read.text("DOCKREV_COMPOSE_BIN"),
        child_environment={
            name: value for name in ("PATH", "HOME", "DOCKER_CONFIG") if (value := read.text(name))
        },
    )


def _registry(read: "_Reader") -> RegistryConfig:
    directory = Path(read.text("DOCKER_CONFIG") or _home(read) / ".docker")
    named = read.text("DOCKREV_DOCKER_CONFIG")
    ca_file = read.text("DOCKREV_REGISTRY_CA_FILE")
    if ca_file and not os.path.isfile(ca_file):  # noqa: PTH113 -- Path.is_file raises for some bad names
        read.problems.append(f"DOCKREV_REGISTRY_CA_FILE: there is no file {ca_file}")
    base_ms = read.integer("DOCKREV_REGISTRY_RETRY_BASE_MS", 250, minimum=1)
    max_ms = read.integer("DOCKREV_REGISTRY_RETRY_MAX_MS", 2000, minimum=1)
    if max_ms < base_ms:
        read.problems.append(
            "DOCKREV_REGISTRY_RETRY_MAX_MS: must not be below DOCKREV_REGISTRY_RETRY_BASE_MS"
        )
    return RegistryConfig(
        credentials_file=Path(named) if named else directory / "config.json",
        insecure=read.parsed("DOCKREV_INSECURE_REGISTRIES", _registries, frozenset()),
        ca_file=Path(ca_file) if ca_file else None,
        mirrors=read.parsed("DOCKREV_REGISTRY_MIRRORS", _mirrors, {}),
        retry_max_attempts=read.integer("DOCKREV_REGISTRY_RETRY_MAX_ATTEMPTS", 3, minimum=1),
        retry_base_ms=base_ms,
        retry_max_ms=max_ms,
        docker_hub_api_url=read.parsed("DOCKREV_DOCKER_HUB_API_URL", _server, "https://hub.docker.com"),
        quay_api_url=read.parsed("DOCKREV_QUAY_API_URL", _server, "https://quay.io"),
        github_api_url=read.parsed("DOCKREV_GITHUB_API_URL", _server, "https://api.github.com"),
    )


def _auth(read: "_Reader") -> AuthConfig:
    return AuthConfig(
        user_header=read.parsed("DOCKREV_AUTH_FORWARD_HEADER_NAME", _header_name, "x-forwarded-user"),
        group_header=read.parsed("DOCKREV_AUTH_GROUP_HEADER_NAME", _header_name, "remote-groups"),
        allowed_user=read.secret("DOCKREV_AUTH_ALLOWED_USER"),
        allowed_group=read.secret("DOCKREV_AUTH_ALLOWED_GROUP"),
        allow_anonymous=read.flag("DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV", default=True),
        trusted_proxies=read.parsed("DOCKREV_TRUSTED_PROXIES", _networks, None),
    )


def _warnings(read: "_Reader") -> tuple[str, ...]:
    """What does no harm now, but is hardly meant so; a file of logins may still come."""
    found = [f"{name} is ignored: {why}" for name, why in RETIRED.items() if read.text(name)]
    logins = read.text("DOCKREV_DOCKER_CONFIG")
    if logins and not os.path.isfile(logins):  # noqa: PTH113 -- Path.is_file raises for some bad names
        found.append(
            f"DOCKREV_DOCKER_CONFIG: there is no file {logins}; registries are asked without a login"
        )
    return tuple(found)


def _home(read: "_Reader") -> Path:
    return Path(read.text("HOME") or "/root")


_PORT = r"(?::(?P<port>[0-9]{1,5}))?"
_HOST = r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]+\])"
_HOST_PORT = re.compile(_HOST + _PORT)
_DOCKER_URL = re.compile(rf"(?P<scheme>tcp|https?)://(?:[^@/?#\s]*@)?(?P<authority>{_HOST}{_PORT})/?")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _docker_host(text: str) -> str:
    """A user and password in it mean nothing to an engine: they are left out, and never shown."""
    shown = re.sub(r"^(.*?//)?.*@", r"\1***@", text, flags=re.DOTALL)
    if text.startswith("unix://"):
        if not text.removeprefix("unix://").startswith("/") or "\0" in text:
            raise InvalidArgument(f"{shown!r} names no socket by its absolute path")
        return text
    if not text.startswith(("tcp://", "http://", "https://")):
        raise InvalidArgument(f"{shown!r} is neither unix://, tcp://, http:// nor https://")
    found = _DOCKER_URL.fullmatch(text)
    if found is None or not _is_host_port(found["authority"]):
        raise InvalidArgument(f"{shown!r} is not an address like tcp://host:2375")
    return f"{found['scheme']}://{found['authority']}"


def _is_host_port(text: str) -> bool:
    """`host`, `host:port`, `[::1]:port`."""
    found = _HOST_PORT.fullmatch(text)
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        return False
    return _is_ipv6(found["host"][1:-1]) if found["host"].startswith("[") else ".." not in found["host"]


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _registries(text: str) -> frozenset[str]:
    for item in _split(text):
        if not _is_host_port(item):
            raise InvalidArgument(f"{item!r} is not host or host:port")
    return frozenset(item.lower() for item in _split(text))


def _header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text):
        raise InvalidArgument(f"{text!r} is not the name of a header")
    return text.lower()


def _http_address(text: str) -> HttpAddress:
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise InvalidArgument(f"{text!r} is not host:port")
    return HttpAddress(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 -- `:50883` means every interface


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(item, strict=False) for item in _split(text))
    except ValueError as error:
        raise InvalidArgument(str(error)) from error


def _mirrors(text: str) -> dict[str, tuple[str, ...]]:
    """`docker.io=https://mirror.example,https://other.example;ghcr.io=http://10.0.0.5:5000`"""
    mirrors = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        named, equals, urls = entry.partition("=")
        host = named.strip().lower()
        bases = tuple(url.rstrip("/") for url in _split(urls))
        if (
            not equals
            or not host
            or not bases
            or not all(b.startswith(("http://", "https://")) for b in bases)
        ):
            raise InvalidArgument(f"{entry!r} is not registry=https://mirror[,https://mirror...]")
        mirrors[host] = bases
    return mirrors


def _server(text: str) -> str:
    base = text.rstrip("/")
    if not re.fullmatch(r"https?://[^\s/@?#]+", base):
        raise InvalidArgument("not http(s)://host[:port]")
    return base


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _cause(error: OSError | UnicodeDecodeError) -> str:
    """Without the bytes that cannot be decoded: they may be those of a secret."""
    return str(error.strerror) if isinstance(error, OSError) else "not UTF-8 text"


_TRUE, _FALSE = {"1", "true", "yes", "y", "on"}, {"0", "false", "no", "n", "off"}


class _Reader:
    """Reads variables and collects what is wrong with them; a blank value counts as unset."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        return self._env.get(name, "").strip() or None

    def secret(self, name: str) -> str | None:
        """The variable, or the content of the file that `<name>_FILE` names."""
        value, path = self.text(name), self.text(f"{name}_FILE")
        if value and path:
            self.problems.append(f"{name}: set it or {name}_FILE, not both")
        if not path:
            return value
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{name}_FILE: cannot read {path} ({_cause(error)})")
            return None
        if not value:
            self.problems.append(f"{name}_FILE: {path} is empty")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        text = (self.text(name) or "").lower()
        if text and text not in _TRUE | _FALSE:
            self.problems.append(f"{name}: {text!r} is neither true nor false")
        return text in _TRUE if text in _TRUE | _FALSE else default

    def integer(self, name: str, default: int, *, minimum: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or int(text) < minimum:
            self.problems.append(f"{name}: {text!r} is not a whole number of at least {minimum}")
            return default
        return int(text)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """The first choice is the default."""
        text = (self.text(name) or choices[0]).lower()
        if text not in choices:
            self.problems.append(f"{name}: {text!r} is not one of {', '.join(choices)}")
        return text

    def parsed(self, name: str, parse: Callable[[str], Value], default: Value) -> Value:
        text = self.text(name)
        if text is None:
            return default
        try:
            return parse(text)
        except InvalidArgument as error:
            self.problems.append(f"{name}: {error.message}")
            return default

"""
The parts of the configuration that all processes share: engine, access, log and address.

`docs/operations.md` explains each variable to operators.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

from dockrev.config.variables import Variables
from dockrev.errors import InvalidArgument
from dockrev.oci.platform import Platform

Network = IPv4Network | IPv6Network

DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock"


def effective_version(env: Mapping[str, str]) -> str:
    """The version of the package, unless the container image sets another one."""
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
    """Overrides the platform that the engine reports."""
    compose_bin: str | None = None
    """None: `docker compose` when that plugin answers, else `docker-compose`. `docker` means its plugin."""
    child_environment: Mapping[str, str] = field(default_factory=dict)
    """The only variables that the Compose CLI inherits. Any other could fill a `${VAR}` of a compose file."""


@dataclass(frozen=True, slots=True)
class AuthConfig:
    user_header: str = "x-forwarded-user"
    group_header: str = "remote-groups"
    allowed_user: str | None = None
    allowed_group: str | None = None
    allow_anonymous: bool = True
    """Applies only while neither an allowed user nor an allowed group is set."""
    trusted_proxies: tuple[Network, ...] | None = None
    """The peers whose identity headers are trusted. None: every peer."""

    @property
    def has_allow_list(self) -> bool:
        return self.allowed_user is not None or self.allowed_group is not None

    @property
    def admits_anonymous(self) -> bool:
        """An allowed user or group ends anonymous access."""
        return self.allow_anonymous and not self.has_allow_list


@dataclass(frozen=True, slots=True)
class LogConfig:
    level: str = "info"
    format: str = "auto"
    """`auto`: colours on a terminal, JSON elsewhere."""


def read_docker(read: Variables) -> DockerConfig:
    tls = None
    if read.text("DOCKER_TLS_VERIFY"):
        tls = Path(read.text("DOCKER_CERT_PATH") or home_directory(read) / ".docker")
    return DockerConfig(
        host=read.parsed("DOCKER_HOST", _docker_host, DEFAULT_DOCKER_HOST),
        tls_directory=tls,
        platform=read.parsed("DOCKREV_HOST_PLATFORM", Platform.parse, None),
        compose_bin=read.text("DOCKREV_COMPOSE_BIN"),
        child_environment={
            name: value for name in ("PATH", "HOME", "DOCKER_CONFIG") if (value := read.text(name))
        },
    )


def read_auth(read: Variables) -> AuthConfig:
    return AuthConfig(
        user_header=read.parsed("DOCKREV_AUTH_FORWARD_HEADER_NAME", _header_name, "x-forwarded-user"),
        group_header=read.parsed("DOCKREV_AUTH_GROUP_HEADER_NAME", _header_name, "remote-groups"),
        allowed_user=read.secret("DOCKREV_AUTH_ALLOWED_USER"),
        allowed_group=read.secret("DOCKREV_AUTH_ALLOWED_GROUP"),
        allow_anonymous=read.flag("DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV", default=True),
        trusted_proxies=read.parsed("DOCKREV_TRUSTED_PROXIES", _networks, None),
    )


def read_log(read: Variables) -> LogConfig:
    return LogConfig(
        level=read.choice("DOCKREV_LOG_LEVEL", ("info", "debug", "warning", "error")),
        format=read.choice("DOCKREV_LOG_FORMAT", ("auto", "json", "console")),
    )


def read_http_address(read: Variables, name: str, default: HttpAddress) -> HttpAddress:
    return read.parsed(name, _http_address, default)


def home_directory(read: Variables) -> Path:
    return Path(read.text("HOME") or "/root")


_PORT = r"(?::(?P<port>[0-9]{1,5}))?"
_HOST = r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]+\])"
_HOST_PORT = re.compile(_HOST + _PORT)
_DOCKER_URL = re.compile(rf"(?P<scheme>tcp|https?)://(?:[^@/?#\s]*@)?(?P<authority>{_HOST}{_PORT})/?")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _docker_host(text: str) -> str:
    """Leaves out a user and password, which an engine does not use. Messages show `***` in their place."""
    shown = re.sub(r"^(.*?//)?.*@", r"\1***@", text, flags=re.DOTALL)
    if text.startswith("unix://"):
        if not text.removeprefix("unix://").startswith("/") or "\0" in text:
            raise InvalidArgument(f"{shown!r} does not contain the absolute path of a socket")
        return text
    if not text.startswith(("tcp://", "http://", "https://")):
        raise InvalidArgument(f"{shown!r} is neither unix://, tcp://, http:// nor https://")
    match = _DOCKER_URL.fullmatch(text)
    if match is None or not is_host_port(match["authority"]):
        raise InvalidArgument(f"{shown!r} is not an address like tcp://host:2375")
    return f"{match['scheme']}://{match['authority']}"


def is_host_port(text: str) -> bool:
    """Accepts `host`, `host:port` and `[::1]:port`."""
    match = _HOST_PORT.fullmatch(text)
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        return False
    return _is_ipv6(match["host"][1:-1]) if match["host"].startswith("[") else ".." not in match["host"]


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


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
        return tuple(ip_network(item, strict=False) for item in split_list(text))
    except ValueError as error:
        raise InvalidArgument(str(error)) from error


def split_list(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]

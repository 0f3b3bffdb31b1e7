"""
The configuration: read once from the environment, refused loudly, every fault listed.

`docs/operations.md` explains each variable to operators; a test holds that list and this module together.
"""

import os.path
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

from dockrev.errors import ConfigError, InvalidArgument
from dockrev.oci.platform import Platform
from dockrev.variables import Variables

_SECRET_KEY_BYTES = 32

Network = IPv4Network | IPv6Network

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
    """None: `docker compose` when that plugin answers, else `docker-compose`. `docker`: its plugin."""
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

    @property
    def has_allow_list(self) -> bool:
        return self.allowed_user is not None or self.allowed_group is not None

    @property
    def admits_anonymous(self) -> bool:
        """An allow-list, once set, ends anonymous access."""
        return self.allow_anonymous and not self.has_allow_list


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    interval_seconds: int = 60
    max_actions: int = 200


@dataclass(frozen=True, slots=True)
class RuntimeScanConfig:
    interval_seconds: int = 600


@dataclass(frozen=True, slots=True)
class UpdateConfig:
    """`own_image`: the repository of Dockrev's own image. The retries are those of pulling."""

    own_image: str
    retry_max_attempts: int = 3
    retry_base_ms: int = 300
    retry_max_ms: int = 3000


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
    secret_key: bytes | None = field(repr=False)
    """Encrypts the secrets in the database. None: the key in `secret_key_file`."""
    docker: DockerConfig
    registry: RegistryConfig
    auth: AuthConfig
    discovery: DiscoveryConfig
    runtime_scan: RuntimeScanConfig
    updates: UpdateConfig
    log: LogConfig
    cache_directory: Path
    """Where `dockrev check` keeps what it learned, in a directory of its own."""
    warnings: tuple[str, ...] = ()

    @property
    def secret_key_file(self) -> Path:
        return self.db_path.with_name(f"{self.db_path.name}.key")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Config":
        """Raises ConfigError naming every fault at once."""
        read = Variables(env)
        config = cls(
            version=effective_version(env),
            http=read.parsed("DOCKREV_HTTP_ADDR", _http_address, HttpAddress("0.0.0.0", 50883)),  # noqa: S104 -- a server in a container listens on all its interfaces
            db_path=Path(read.text("DOCKREV_DB_PATH") or "data/dockrev.sqlite3").absolute(),
            secret_key=_secret_key(read),
            docker=_docker(read),
            registry=_registry(read),
            auth=_auth(read),
            discovery=DiscoveryConfig(
                interval_seconds=read.integer("DOCKREV_DISCOVERY_INTERVAL_SECONDS", 60, minimum=10),
                max_actions=read.integer("DOCKREV_DISCOVERY_MAX_ACTIONS", 200, minimum=1),
            ),
            updates=_updates(read),
            runtime_scan=RuntimeScanConfig(
                interval_seconds=read.integer("DOCKREV_RUNTIME_SCAN_INTERVAL_SECONDS", 600, minimum=30),
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


def _docker(read: Variables) -> DockerConfig:
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


def _registry(read: Variables) -> RegistryConfig:
    directory = Path(read.text("DOCKER_CONFIG") or _home(read) / ".docker")
    named = read.text("DOCKREV_DOCKER_CONFIG")
    ca_file = read.text("DOCKREV_REGISTRY_CA_FILE")
    if ca_file and not os.path.isfile(ca_file):  # noqa: PTH113 -- Path.is_file raises for some bad names
        read.problems.append(f"DOCKREV_REGISTRY_CA_FILE: there is no file {ca_file}")
    attempts, base_ms, max_ms = _retries(read, "DOCKREV_REGISTRY_RETRY", base_ms=250, max_ms=2000)
    return RegistryConfig(
        credentials_file=Path(named) if named else directory / "config.json",
        insecure=read.parsed("DOCKREV_INSECURE_REGISTRIES", _registries, frozenset()),
        ca_file=Path(ca_file) if ca_file else None,
        mirrors=read.parsed("DOCKREV_REGISTRY_MIRRORS", _mirrors, {}),
        retry_max_attempts=attempts,
        retry_base_ms=base_ms,
        retry_max_ms=max_ms,
        docker_hub_api_url=read.parsed("DOCKREV_DOCKER_HUB_API_URL", _server, "https://hub.docker.com"),
        quay_api_url=read.parsed("DOCKREV_QUAY_API_URL", _server, "https://quay.io"),
        github_api_url=read.parsed("DOCKREV_GITHUB_API_URL", _server, "https://api.github.com"),
    )


def _auth(read: Variables) -> AuthConfig:
    return AuthConfig(
        user_header=read.parsed("DOCKREV_AUTH_FORWARD_HEADER_NAME", _header_name, "x-forwarded-user"),
        group_header=read.parsed("DOCKREV_AUTH_GROUP_HEADER_NAME", _header_name, "remote-groups"),
        allowed_user=read.secret("DOCKREV_AUTH_ALLOWED_USER"),
        allowed_group=read.secret("DOCKREV_AUTH_ALLOWED_GROUP"),
        allow_anonymous=read.flag("DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV", default=True),
        trusted_proxies=read.parsed("DOCKREV_TRUSTED_PROXIES", _networks, None),
    )


def _secret_key(read: Variables) -> bytes | None:
    """32 bytes in base64 of either alphabet. A fault does not repeat the key."""
    text = read.secret("DOCKREV_SECRET_KEY")
    if text is None:
        return None
    try:
        key = b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        key = b""
    if len(key) != _SECRET_KEY_BYTES:
        read.problems.append(
            "DOCKREV_SECRET_KEY: not 32 bytes in base64; `openssl rand -base64 32` makes a key"
        )
    return urlsafe_b64encode(key)


def _updates(read: Variables) -> UpdateConfig:
    prefix = "DOCKREV_UPDATE_IDEMPOTENT_RETRY"
    attempts, base_ms, max_ms = _retries(read, prefix, base_ms=300, max_ms=3000)
    return UpdateConfig(
        own_image=read.text("DOCKREV_IMAGE_REPO") or "ghcr.io/ivanli-cn/dockrev",
        retry_max_attempts=attempts,
        retry_base_ms=base_ms,
        retry_max_ms=max_ms,
    )


def _retries(read: Variables, prefix: str, *, base_ms: int, max_ms: int) -> tuple[int, int, int]:
    """How many attempts, and the first and the longest pause between them."""
    attempts = read.integer(f"{prefix}_MAX_ATTEMPTS", 3, minimum=1)
    base = read.integer(f"{prefix}_BASE_MS", base_ms, minimum=1)
    most = read.integer(f"{prefix}_MAX_MS", max_ms, minimum=1)
    if most < base:
        read.problems.append(f"{prefix}_MAX_MS: must not be below {prefix}_BASE_MS")
    return attempts, base, most


def _warnings(read: Variables) -> tuple[str, ...]:
    """What does no harm now, but is hardly meant so; a file of logins may still come."""
    found = [f"{name} is ignored: {why}" for name, why in RETIRED.items() if read.text(name)]
    logins = read.text("DOCKREV_DOCKER_CONFIG")
    if logins and not os.path.isfile(logins):  # noqa: PTH113 -- Path.is_file raises for some bad names
        found.append(
            f"DOCKREV_DOCKER_CONFIG: there is no file {logins}; registries are asked without a login"
        )
    return tuple(found)


def _home(read: Variables) -> Path:
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

"""
The configuration of the server and of the commands.

`docs/operations.md` explains each variable to operators. A test compares that list with this module.
"""

import os.path
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dockrev.config.shared import (
    AuthConfig,
    DockerConfig,
    HttpAddress,
    LogConfig,
    effective_version,
    home_directory,
    is_host_port,
    read_auth,
    read_docker,
    read_http_address,
    read_log,
    split_list,
)
from dockrev.config.variables import Variables
from dockrev.errors import ConfigError, InvalidArgument

_SECRET_KEY_BYTES = 32

RETIRED = {
    "DOCKREV_CHECK_CONCURRENCY": "the limit is seven requests at once for each registry",
    "DOCKREV_REGISTRY_PER_HOST_CONCURRENCY": "the limit is seven requests at once for each registry",
}
"""Variables of older releases. They are ignored, and `dockrev doctor` and `serve` warn about them."""


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    credentials_file: Path
    insecure: frozenset[str] = frozenset()
    """`host[:port]` of registries that use plain HTTP. Loopback registries always do."""
    ca_file: Path | None = None
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The base URLs of the mirrors by registry host. They are asked first, in order."""
    retry_max_attempts: int = 3
    retry_base_ms: int = 250
    retry_max_ms: int = 2000
    docker_hub_api_url: str = "https://hub.docker.com"
    quay_api_url: str = "https://quay.io"
    github_api_url: str = "https://api.github.com"


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    interval_seconds: int = 60
    max_actions: int = 200


@dataclass(frozen=True, slots=True)
class RuntimeScanConfig:
    interval_seconds: int = 600


@dataclass(frozen=True, slots=True)
class UpdateConfig:
    """`own_image` is the repository of Dockrev's own image. The retries apply to pulls."""

    own_image: str
    retry_max_attempts: int = 3
    retry_base_ms: int = 300
    retry_max_ms: int = 3000


@dataclass(frozen=True, slots=True)
class Config:
    version: str
    http: HttpAddress
    db_path: Path
    secret_key: bytes | None = field(repr=False)
    """The key that encrypts the secrets in the database. None: the key is in `secret_key_file`."""
    docker: DockerConfig
    registry: RegistryConfig
    auth: AuthConfig
    discovery: DiscoveryConfig
    runtime_scan: RuntimeScanConfig
    updates: UpdateConfig
    log: LogConfig
    cache_directory: Path
    """The directory for the cache of `dockrev check`."""
    warnings: tuple[str, ...] = ()

    @property
    def secret_key_file(self) -> Path:
        return self.db_path.with_name(f"{self.db_path.name}.key")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Config":
        """Raises ConfigError, which lists all faults at once."""
        read = Variables(env)
        config = cls(
            version=effective_version(env),
            http=read_http_address(read, "DOCKREV_HTTP_ADDR", HttpAddress("0.0.0.0", 50883)),  # noqa: S104 -- a server in a container listens on all its interfaces
            db_path=Path(read.text("DOCKREV_DB_PATH") or "data/dockrev.sqlite3").absolute(),
            secret_key=_secret_key(read),
            docker=read_docker(read),
            registry=_registry(read),
            auth=read_auth(read),
            discovery=DiscoveryConfig(
                interval_seconds=read.integer("DOCKREV_DISCOVERY_INTERVAL_SECONDS", 60, minimum=10),
                max_actions=read.integer("DOCKREV_DISCOVERY_MAX_ACTIONS", 200, minimum=1),
            ),
            updates=_updates(read),
            runtime_scan=RuntimeScanConfig(
                interval_seconds=read.integer("DOCKREV_RUNTIME_SCAN_INTERVAL_SECONDS", 600, minimum=30),
            ),
            log=read_log(read),
            cache_directory=Path(read.text("XDG_CACHE_HOME") or home_directory(read) / ".cache") / "dockrev",
            warnings=_warnings(read),
        )
        if read.problems:
            raise ConfigError(read.problems)
        return config


def _registry(read: Variables) -> RegistryConfig:
    directory = Path(read.text("DOCKER_CONFIG") or home_directory(read) / ".docker")
    logins = read.text("DOCKREV_DOCKER_CONFIG")
    ca_file = read.text("DOCKREV_REGISTRY_CA_FILE")
    if ca_file and not os.path.isfile(ca_file):  # noqa: PTH113 -- Path.is_file raises for some bad names
        read.problems.append(f"DOCKREV_REGISTRY_CA_FILE: there is no file {ca_file}")
    attempts, base_ms, max_ms = _retries(read, "DOCKREV_REGISTRY_RETRY", base_ms=250, max_ms=2000)
    return RegistryConfig(
        credentials_file=Path(logins) if logins else directory / "config.json",
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


def _secret_key(read: Variables) -> bytes | None:
    """Reads 32 bytes in base64, standard or URL-safe. The message of a fault does not repeat the key."""
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
    """Returns the number of attempts, and the first and the longest pause in milliseconds."""
    attempts = read.integer(f"{prefix}_MAX_ATTEMPTS", 3, minimum=1)
    base = read.integer(f"{prefix}_BASE_MS", base_ms, minimum=1)
    longest = read.integer(f"{prefix}_MAX_MS", max_ms, minimum=1)
    if longest < base:
        read.problems.append(f"{prefix}_MAX_MS: must not be below {prefix}_BASE_MS")
    return attempts, base, longest


def _warnings(read: Variables) -> tuple[str, ...]:
    """Finds probable mistakes. A missing file of logins is no error, since it may appear later."""
    warnings = [f"{name} is ignored: {why}" for name, why in RETIRED.items() if read.text(name)]
    logins = read.text("DOCKREV_DOCKER_CONFIG")
    if logins and not os.path.isfile(logins):  # noqa: PTH113 -- Path.is_file raises for some bad names
        warnings.append(
            f"DOCKREV_DOCKER_CONFIG: there is no file {logins}; registries are asked without a login"
        )
    return tuple(warnings)


def _registries(text: str) -> frozenset[str]:
    for item in split_list(text):
        if not is_host_port(item):
            raise InvalidArgument(f"{item!r} is not host or host:port")
    return frozenset(item.lower() for item in split_list(text))


def _mirrors(text: str) -> dict[str, tuple[str, ...]]:
    """`docker.io=https://mirror.example,https://other.example;ghcr.io=http://10.0.0.5:5000`"""
    mirrors = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        registry, equals, urls = entry.partition("=")
        host = registry.strip().lower()
        bases = tuple(url.rstrip("/") for url in split_list(urls))
        if (
            not equals
            or not host
            or not bases
            or not all(base.startswith(("http://", "https://")) for base in bases)
        ):
            raise InvalidArgument(f"{entry!r} is not registry=https://mirror[,https://mirror...]")
        mirrors[host] = bases
    return mirrors


def _server(text: str) -> str:
    base = text.rstrip("/")
    if not re.fullmatch(r"https?://[^\s/@?#]+", base):
        raise InvalidArgument("not http(s)://host[:port]")
    return base

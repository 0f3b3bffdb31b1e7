"""Parses the details of one container or image (Engine API, "ContainerInspect", "ImageInspect"). No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from dockrev.docker.labels import ComposeLabelled, clean_text, parse_labels
from dockrev.docker.mounts import Mount
from dockrev.docker.snapshot import ContainerState, Health, LocalImage
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform

_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """The timing in force, with the engine's defaults where neither image nor Compose file sets it."""

    start_period_seconds: float
    interval_seconds: float
    timeout_seconds: float
    retries: int

    @classmethod
    def parse(cls, document: Any) -> Self | None:
        """None when there is no health check, or when it is switched off (`NONE`)."""
        test = (document or {}).get("Test") or ()
        if not test or test[0] == "NONE":
            return None
        return cls(
            start_period_seconds=_seconds(document.get("StartPeriod"), 0),
            interval_seconds=_seconds(document.get("Interval"), 30),
            timeout_seconds=_seconds(document.get("Timeout"), 30),
            retries=document.get("Retries") or 3,
        )


@dataclass(frozen=True, slots=True)
class ContainerDetail(ComposeLabelled):
    id: str
    name: str
    image_id: str
    image: str
    """The reference in its configuration."""
    state: ContainerState
    health: Health | None
    """None: the container has no health check."""
    restart_count: int
    started_at: datetime | None
    """None: the container never started."""
    exit_code: int
    """The exit code of the last run; 0 while the container runs."""
    stop_timeout_seconds: float
    healthcheck: Healthcheck | None
    labels: Mapping[str, str]
    mounts: tuple[Mount, ...]
    networks: frozenset[str]
    document: Mapping[str, Any] = field(repr=False)
    """The whole answer of the engine, including secrets in the environment."""

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Raises ValueError, TypeError or KeyError when it is not a container."""
        state, config = document["State"], document["Config"]
        return cls(
            id=str(document["Id"]),
            name=clean_text(document["Name"]).removeprefix("/"),
            image_id=str(document["Image"]),
            image=clean_text(config.get("Image")),
            state=ContainerState.parse(clean_text(state.get("Status"))),
            health=_health(state.get("Health")),
            restart_count=int(document.get("RestartCount") or 0),
            started_at=_moment(state.get("StartedAt")),
            exit_code=int(state.get("ExitCode") or 0),
            stop_timeout_seconds=float(
                config["StopTimeout"] if config.get("StopTimeout") is not None else 10
            ),
            healthcheck=Healthcheck.parse(config.get("Healthcheck")),
            labels=parse_labels(config.get("Labels")),
            mounts=tuple(Mount.parse(entry) for entry in document.get("Mounts") or ()),
            networks=frozenset((document.get("NetworkSettings") or {}).get("Networks") or ()),
            document=document,
        )

    @property
    def created_at(self) -> datetime | None:
        return _moment(self.document.get("Created"))

    @property
    def namespace_owners(self) -> frozenset[str]:
        """The containers whose namespaces it shares, by id or name. It cannot start without them."""
        host = self.document.get("HostConfig") or {}
        modes = (str(host.get(name)) for name in ("NetworkMode", "PidMode", "IpcMode"))
        return frozenset(mode.partition(":")[2] for mode in modes if mode.startswith("container:"))


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image gives to its containers."""

    env: tuple[str, ...]
    """`NAME=value`, in the order of the image."""
    volumes: frozenset[str]
    """The paths of the anonymous volumes that the image declares."""
    document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, document: Any) -> Self:
        config = document or {}
        return cls(
            env=tuple(clean_text(word) for word in config.get("Env") or ()),
            volumes=frozenset(config.get("Volumes") or ()),
            document=config,
        )


@dataclass(frozen=True, slots=True)
class ImageDetail:
    id: str
    repo_digests: tuple[tuple[str, Digest], ...]
    """`ImageRef.repository` and the digest under which that repository offered the image."""
    platform: Platform
    config: ImageConfig

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Raises ValueError, TypeError or KeyError when it is not an image."""
        return cls(
            id=str(document["Id"]),
            repo_digests=LocalImage.from_list(document).repo_digests,
            platform=Platform.of(
                clean_text(document.get("Os")),
                clean_text(document.get("Architecture")),
                clean_text(document.get("Variant")) or None,
            ),
            config=ImageConfig.parse(document.get("Config")),
        )

    def digests_of(self, repository: str) -> tuple[Digest, ...]:
        return tuple(digest for name, digest in self.repo_digests if name == repository)


def _health(document: Any) -> Health | None:
    status = (document or {}).get("Status")
    return Health(status) if status in set(Health) else None


def _moment(text: Any) -> datetime | None:
    if not isinstance(text, str) or not text or text.startswith("0001-"):  # Go's zero time
        return None
    return datetime.fromisoformat(text).astimezone(UTC)


def _seconds(nanoseconds: Any, default: float) -> float:
    return nanoseconds / _NANOSECONDS if nanoseconds else default

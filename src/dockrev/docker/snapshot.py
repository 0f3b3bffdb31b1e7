"""Parses an engine's lists of containers and images (Engine API, "ContainerList", "ImageList"). No I/O."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from dockrev.docker.labels import ComposeLabelled, clean_text, parse_labels
from dockrev.docker.mounts import Mount
from dockrev.errors import InvalidArgument
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef

_HEALTH = re.compile(r"\((?:health: )?(starting|healthy|unhealthy)\)")


class ContainerState(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """The engine is newer than this module, or is not Docker's."""

    @classmethod
    def parse(cls, text: str) -> "ContainerState":
        return cls(text) if text in set(cls) else cls.UNKNOWN

    @property
    def is_up(self) -> bool:
        """The container is started and not stopped. It may be paused or about to restart."""
        return self in (ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING)


class Health(StrEnum):
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"

    @classmethod
    def in_status(cls, status: str) -> "Health | None":
        """The list of containers has health only in its status text, `Up 3 seconds (health: starting)`."""
        match = _HEALTH.search(status)
        return cls(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class EngineDescription:
    version: str
    api_version: str
    """The API version in use: the newest that both sides know."""
    name: str
    platform: Platform


@dataclass(frozen=True, slots=True)
class Container(ComposeLabelled):
    id: str
    name: str
    image_id: str
    image: str
    """The configured reference; an image id after its tag has moved to another image."""
    state: ContainerState
    health: Health | None
    labels: Mapping[str, str]
    created_at: datetime
    mounts: tuple[Mount, ...] = ()

    @classmethod
    def from_list(cls, entry: Any) -> Self:
        """Raises ValueError, TypeError or KeyError when it is not a container."""
        labels = parse_labels(entry.get("Labels"))
        return cls(
            id=str(entry["Id"]),
            name=_name(entry),
            image_id=str(entry["ImageID"]),
            image=clean_text(entry.get("Image")),
            state=ContainerState.parse(clean_text(entry.get("State"))),
            health=Health.in_status(clean_text(entry.get("Status"))),
            labels=labels,
            created_at=datetime.fromtimestamp(entry["Created"], UTC),
            mounts=tuple(Mount.parse(mount) for mount in entry.get("Mounts") or ()),
        )


@dataclass(frozen=True, slots=True)
class LocalImage:
    id: str
    repo_digests: tuple[tuple[str, Digest], ...]
    """`ImageRef.repository` and the digest under which that repository offered the image."""
    labels: Mapping[str, str]

    @classmethod
    def from_list(cls, entry: Any) -> Self:
        return cls(
            id=str(entry["Id"]),
            repo_digests=tuple(_repo_digests(entry.get("RepoDigests") or ())),
            labels=parse_labels(entry.get("Labels")),
        )

    def digests_of(self, repository: str) -> tuple[Digest, ...]:
        return tuple(digest for name, digest in self.repo_digests if name == repository)


@dataclass(frozen=True, slots=True)
class HostSnapshot:
    containers: tuple[Container, ...]
    """All containers with a Compose project label, including stopped and one-off containers."""
    images: Mapping[str, LocalImage]

    @classmethod
    def from_lists(cls, containers: Any, images: Any) -> Self:
        local = (LocalImage.from_list(entry) for entry in images)
        return cls(
            containers=tuple(Container.from_list(entry) for entry in containers),
            images={image.id: image for image in local},
        )

    def projects(self) -> Mapping[str, tuple[Container, ...]]:
        """The containers of each project. Containers with a blank project label are left out."""
        return _grouped((container.project, container) for container in self.containers)


def by_service(containers: Iterable[Container]) -> Mapping[str, tuple[Container, ...]]:
    """The replicas of each service, ordered by number. One-off containers are left out."""
    replicas = (container for container in containers if not container.oneoff)
    ordered = sorted(replicas, key=lambda container: (container.number or 0, container.name))
    return _grouped((container.service, container) for container in ordered)


def _grouped(pairs: Iterable[tuple[str | None, Container]]) -> dict[str, tuple[Container, ...]]:
    groups: dict[str, list[Container]] = {}
    for key, container in pairs:
        if key is not None:
            groups.setdefault(key, []).append(container)
    return {key: tuple(group) for key, group in groups.items()}


def _name(entry: Any) -> str:
    """Ignores names from links, which have a second slash (`/web/db`)."""
    names = [clean_text(name).removeprefix("/") for name in entry.get("Names") or ()]
    own = [name for name in names if name and "/" not in name]
    return own[0] if own else str(entry["Id"])[:12]


def _repo_digests(entries: Iterable[object]) -> Iterator[tuple[str, Digest]]:
    for entry in entries:
        try:
            ref = ImageRef.parse(clean_text(entry))
        except InvalidArgument:
            continue  # `<none>@<none>`, and names of engines other than Docker's
        if ref.digest is not None:
            yield ref.repository, ref.digest

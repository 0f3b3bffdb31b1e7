"""Creates containers and snapshots for tests without an engine."""

from collections.abc import Mapping
from datetime import UTC, datetime

from dockrev.docker.snapshot import Container, ContainerState, Health, HostSnapshot, LocalImage
from dockrev.oci.digest import Digest

DIGEST = Digest.of(b"one")
OTHER_DIGEST = Digest.of(b"two")


def container(
    service: str | None = "web",
    *,
    project: str = "blog",
    number: int = 1,
    image_id: str = "sha256:image",
    state: ContainerState = ContainerState.RUNNING,
    health: Health | None = None,
    oneoff: bool = False,
    config_files: str | None = "/srv/blog/compose.yaml",
    labels: Mapping[str, str] | None = None,
    created: int = 1_700_000_000,
) -> Container:
    own = {
        "com.docker.compose.project": project,
        "com.docker.compose.container-number": str(number),
        "com.docker.compose.oneoff": str(oneoff),
    }
    if service is not None:
        own["com.docker.compose.service"] = service
    if config_files is not None:
        own["com.docker.compose.project.config_files"] = config_files
    return Container(
        id=f"{project}-{service}-{number}",
        name=f"{project}-{service}-{number}",
        image_id=image_id,
        image="nginx",
        state=state,
        health=health,
        labels=own | dict(labels or {}),
        created_at=datetime.fromtimestamp(created, UTC),
    )


def snapshot(
    *containers: Container,
    images: Mapping[str, tuple[tuple[str, Digest], ...]] | None = None,
    image_labels: Mapping[str, str] | None = None,
) -> HostSnapshot:
    """`image_labels`: the labels of every image."""
    local = {
        image_id: LocalImage(image_id, digests, dict(image_labels or {}))
        for image_id, digests in (images or {}).items()
    }
    return HostSnapshot(containers, local)

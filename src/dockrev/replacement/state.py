"""The previous state: what ran before a replacement. The proof and a rollback need it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from dockrev.compose.models import ProjectFiles
from dockrev.docker.data import BackupTarget, target_of
from dockrev.docker.inspect import ContainerDetail, ImageDetail
from dockrev.docker.snapshot import ContainerState, Health
from dockrev.errors import InvalidArgument
from dockrev.oci.ref import ImageRef
from dockrev.replacement.health import HealthLimits, HealthVerdict, assess
from dockrev.replacement.proof import Fingerprint, fingerprint
from dockrev.wording import counted


@dataclass(frozen=True, slots=True)
class Dependent:
    """The previous state of a service that Compose recreates together with the changed one.

    `image_ref` is the configured name. `healthy`: it ran well before, so it has to run well afterwards.
    `config_digest`: the digest of the configuration of its containers; empty when unknown.
    """

    image_ref: str
    image: str
    replicas: int
    healthy: bool
    fingerprints: tuple[Fingerprint, ...] = ()
    config_digest: str = ""

    def uses(self, ref: ImageRef) -> bool:
        with suppress(InvalidArgument):  # the image is configured by its id
            return ImageRef.parse(self.image_ref) == ref
        return False


@dataclass(frozen=True, slots=True)
class PreviousState:
    """`image` is the image id of the first replica that was up.

    `healthy`: it ran well before, so it has to run well after a rollback. `proven_healthy`: it passed the
    same health check that a new image has to pass. `files` are those of the project; the labels of containers
    name them too, but no container may be left. `dependents`: the running ones by name, in dependency order.
    `data`: what was mounted and outlives the containers. `config_digest`: as in Dependent.
    """

    files: ProjectFiles
    image: str
    container_ids: tuple[str, ...]
    healthy: bool
    fingerprints: tuple[Fingerprint, ...]
    dependents: Mapping[str, Dependent]
    data: tuple[BackupTarget, ...]
    proven_healthy: bool = False
    config_digest: str = ""

    @property
    def replicas(self) -> int:
        return len(self.container_ids)

    @property
    def text(self) -> str:
        return f"{counted(self.replicas, 'container runs', 'containers run')} {short_id(self.image)}"


def short_id(image_id: str) -> str:
    """The first twelve digits, as Docker shows them."""
    return image_id.removeprefix("sha256:")[:12]


def is_up(containers: Sequence[ContainerDetail]) -> bool:
    return any(container.state.is_up for container in containers)


def dependent(
    containers: Sequence[ContainerDetail], images: Mapping[str, ImageDetail], config_digest: str
) -> Dependent:
    """`images` holds the images of the containers by id."""
    first = _first_up(containers)
    return Dependent(
        image_ref=first.image,
        image=first.image_id,
        replicas=len(containers),
        healthy=_are_healthy(containers),
        fingerprints=_fingerprints(containers, images),
        config_digest=config_digest,
    )


def previous_state(
    files: ProjectFiles,
    containers: Sequence[ContainerDetail],
    images: Mapping[str, ImageDetail],
    dependents: Mapping[str, Dependent],
    config_digest: str,
    now: datetime,
    limits: HealthLimits,
) -> PreviousState:
    """`images` holds the images of the containers by id."""
    mounted = {target_of(mount) for container in containers for mount in container.mounts}
    image = _first_up(containers).image_id
    started = [container.started_at or now for container in containers]
    health = assess(containers, image, len(containers), max(started), now, limits)
    return PreviousState(
        files=files,
        image=image,
        container_ids=tuple(container.id for container in containers),
        healthy=_are_healthy(containers),
        fingerprints=_fingerprints(containers, images),
        dependents=dependents,
        data=tuple(sorted(target for target in mounted if target)),
        proven_healthy=health.verdict is HealthVerdict.GOOD,
        config_digest=config_digest,
    )


def _are_healthy(containers: Sequence[ContainerDetail]) -> bool:
    return all(
        each.state is ContainerState.RUNNING and each.health is not Health.UNHEALTHY for each in containers
    )


def _first_up(containers: Sequence[ContainerDetail]) -> ContainerDetail:
    return next(container for container in containers if container.state.is_up)


def _fingerprints(
    containers: Sequence[ContainerDetail], images: Mapping[str, ImageDetail]
) -> tuple[Fingerprint, ...]:
    return tuple(fingerprint(container, images[container.image_id]) for container in containers)

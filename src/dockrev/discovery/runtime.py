"""Computes the runtime state of a service from a snapshot of the host. No I/O."""

from collections.abc import Iterable, Iterator

from dockrev.docker.snapshot import Container, ContainerState, Health, HostSnapshot
from dockrev.errors import InvalidArgument
from dockrev.oci.ref import ImageRef
from dockrev.stacks.models import RunningImage, Runtime

_VERSION = "org.opencontainers.image.version"


def runtime_of(replicas: tuple[Container, ...], image_ref: str | None, snapshot: HostSnapshot) -> Runtime:
    """`replicas`: ordered by number. Only digests of the repository of `image_ref` count."""
    running = tuple(replica for replica in replicas if replica.state is ContainerState.RUNNING)
    repository = _repository(image_ref)
    image_ids = dict.fromkeys(container.image_id for container in running or replicas)
    return Runtime(
        total=len(replicas),
        running=len(running),
        unhealthy=sum(replica.health is Health.UNHEALTHY for replica in running),
        images=tuple(_images(image_ids, repository, snapshot)),
    )


def _images(
    image_ids: Iterable[str], repository: str | None, snapshot: HostSnapshot
) -> Iterator[RunningImage]:
    for image_id in image_ids:
        image = snapshot.images.get(image_id)
        digests = image.digests_of(repository) if image and repository else ()
        yield RunningImage(image_id, digests, image.labels.get(_VERSION) or None if image else None)


def _repository(image_ref: str | None) -> str | None:
    try:
        return ImageRef.parse(image_ref).repository if image_ref else None
    except InvalidArgument:
        return None

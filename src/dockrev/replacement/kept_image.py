"""Tags that protect the old image of a service from `docker image prune` while it may be needed.

During a replacement, a tag of that replacement pins the old image. When it fails and the service stays on
another image, the old image is kept under a name for the operator until a later replacement succeeds.
"""

from collections.abc import Collection, Iterable

from dockrev.docker.images import ROLLBACK_REPOSITORY, Images
from dockrev.errors import DockerError
from dockrev.replacement.state import PreviousState, short_id


def kept_name(service_id: str) -> str:
    return f"{ROLLBACK_REPOSITORY}:{service_id}"


def _pin_tag(replacement_id: str, service_id: str) -> str:
    return f"{replacement_id}-{service_id}"


async def pin(images: Images, replacement_id: str, service_id: str, image: str) -> None:
    await images.tag(image, ROLLBACK_REPOSITORY, _pin_tag(replacement_id, service_id))


async def unpin(images: Images, replacement_id: str, service_id: str) -> None:
    """Removes the pin. An image that an earlier replacement kept stays."""
    await images.untag(f"{ROLLBACK_REPOSITORY}:{_pin_tag(replacement_id, service_id)}")


async def keep(images: Images, replacement_id: str, service_id: str, image: str) -> None:
    await images.tag(image, ROLLBACK_REPOSITORY, service_id)
    await unpin(images, replacement_id, service_id)


async def release(images: Images, replacement_id: str, service_id: str) -> None:
    """Removes the pin and the kept image, because the service runs well and nobody needs an older image."""
    await unpin(images, replacement_id, service_id)
    await images.untag(kept_name(service_id))


async def best_image(images: Images, service_id: str, previous: PreviousState) -> str:
    """The image for a rollback by hand: the previous one, or the image kept earlier if that one failed."""
    earlier = None if previous.proven_healthy else await images.find_id(kept_name(service_id))
    return earlier or previous.image


async def describe_best_image(images: Images, service_id: str, previous: PreviousState) -> str:
    try:
        best = await best_image(images, service_id, previous)
    except DockerError:
        return "The old image, or the last working image if the old one did not work,"
    if best == previous.image:
        return "The old image"
    return f"The old image did not work either. The last working image, {short_id(best)},"


def unneeded_tags(
    tags: Iterable[str], unfinished_ids: Collection[str], service_ids: Collection[str]
) -> list[str]:
    """The pins of replacements that have ended, and the kept images of services that no longer exist."""

    def is_needed(tag: str) -> bool:
        owner, is_pin, _ = tag.partition(":")[2].partition("-")
        return owner in (unfinished_ids if is_pin else service_ids)

    return [tag for tag in tags if not is_needed(tag)]

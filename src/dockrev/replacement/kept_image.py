"""Tags that keep the old image of a service from every prune while somebody may need it.

During a replacement the image is pinned by a tag of that replacement. When the service stays on another image
afterwards, the old one is kept under a name for the operator, until a later replacement ends well.
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
    """An image that an earlier replacement kept stays."""
    await images.untag(f"{ROLLBACK_REPOSITORY}:{_pin_tag(replacement_id, service_id)}")


async def keep(images: Images, replacement_id: str, service_id: str, image: str) -> None:
    await images.tag(image, ROLLBACK_REPOSITORY, service_id)
    await unpin(images, replacement_id, service_id)


async def release(images: Images, replacement_id: str, service_id: str) -> None:
    """The service runs well, so nobody needs an older image."""
    await unpin(images, replacement_id, service_id)
    await images.untag(kept_name(service_id))


async def best_image(images: Images, service_id: str, previous: PreviousState) -> str:
    """The image to go back to: the previous one, or the one kept earlier if the previous one did not work."""
    earlier = None if previous.proven_healthy else await images.find_id(kept_name(service_id))
    return earlier or previous.image


async def describe_best_image(images: Images, service_id: str, previous: PreviousState) -> str:
    try:
        best = await best_image(images, service_id, previous)
    except DockerError:
        return "The old image, or the last one that ran soundly if that did not,"
    if best == previous.image:
        return "The old image"
    return f"The old image did not run soundly either; the last one that did, {short_id(best)},"


def unneeded_tags(
    tags: Iterable[str], unfinished_ids: Collection[str], service_ids: Collection[str]
) -> list[str]:
    """Pins of replacements that have ended, and kept images of services that are gone."""

    def is_needed(tag: str) -> bool:
        owner, is_pin, _ = tag.partition(":")[2].partition("-")
        return owner in (unfinished_ids if is_pin else service_ids)

    return [tag for tag in tags if not is_needed(tag)]

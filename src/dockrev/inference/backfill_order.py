"""Which repositories still have unknown tags, and which of them the backfill takes first. No I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dockrev.inference.evidence import is_version
from dockrev.inference.tag_list import TagList
from dockrev.oci.ref import ImageRef
from dockrev.versions.models import VersionKnowledge
from dockrev.versions.service_image import ServiceImage
from dockrev.versions.tags import parse_version, resolved


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A repository with unknown tags. `unnamed`: a service in it has no version.

    `unknown`: the number of unknown tags, or 0 if the tag list was never read.
    """

    ref: ImageRef
    unnamed: bool
    unknown: int


def backfill_order(
    images: Iterable[ServiceImage],
    unknown: Mapping[str, int],
    knowledge: VersionKnowledge,
    lists: Mapping[str, TagList],
) -> list[Unfinished]:
    """First the repositories in which a service has no version, then those with the fewest unknown tags.

    `unknown`: the number of unknown tags by repository. A repository whose tag list was never read has no
    entry. `lists`: the stored tag lists of `repositories_to_list`.
    """
    grouped: defaultdict[str, list[ServiceImage]] = defaultdict(list)
    for image in images:
        if image.needs_inference and unknown.get(image.ref.repository) != 0:
            grouped[image.ref.repository].append(image)
    unfinished = (
        Unfinished(
            of_repository[0].ref,
            any(_without_version(image, knowledge, lists.get(repository)) for image in of_repository),
            unknown.get(repository, 0),
        )
        for repository, of_repository in grouped.items()
    )
    return sorted(unfinished, key=lambda each: (not each.unnamed, each.unknown, each.ref.repository))


def repositories_to_list(images: Iterable[ServiceImage]) -> set[str]:
    """The repositories whose tag list is needed to tell whether the tag of a service is a version.

    If the list has 17.2-alpine, then 17-alpine is no version. Without the list, both look like versions.
    """
    return {
        image.ref.repository
        for image in images
        if image.needs_inference and parse_version(image.tag) is not None
    }


def _without_version(image: ServiceImage, knowledge: VersionKnowledge, tag_list: TagList | None) -> bool:
    if is_version(image.tag, tag_list):
        return False
    return any(not resolved(knowledge.tags_of(image.key(digest)), image.tag) for digest in image.digests)


def first_of_each_registry(unfinished: Iterable[Unfinished]) -> list[Unfinished]:
    first: dict[str, Unfinished] = {}
    for each in unfinished:
        first.setdefault(each.ref.registry, each)
    return list(first.values())

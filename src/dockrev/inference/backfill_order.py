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
    """`unnamed`: a service shows no version because of it. `unknown`: the number of tags, if known."""

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

    `unknown`: the number of unknown tags by repository. It does not hold a repository whose tag list was
    never read: one request reads the list. `lists`: the known tag lists of `repositories_to_list`.
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
    """Where only the tag list tells whether the tag of a service is a version.

    In a list with 17.2-alpine, 17-alpine is none. Without the list both look like one.
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

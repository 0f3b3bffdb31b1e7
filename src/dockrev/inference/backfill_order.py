"""Which repositories are not known as a whole yet, and which of them comes first. No I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dockrev.inference.evidence import is_version
from dockrev.inference.service_images import DigestContext
from dockrev.inference.tag_list import TagList
from dockrev.oci.ref import ImageRef
from dockrev.versions.models import DigestKey, VersionKnowledge
from dockrev.versions.tags import is_strict_semver, parse_version, resolved


@dataclass(frozen=True, slots=True)
class Unfinished:
    """`unnamed`: some service shows no version for want of it. `unknown`: how many tags, if that is known."""

    ref: ImageRef
    unnamed: bool
    unknown: int


def backfill_order(
    targets: Mapping[DigestKey, DigestContext],
    unknown: Mapping[str, int],
    knowledge: VersionKnowledge,
    lists: Mapping[str, TagList],
) -> list[Unfinished]:
    """Where a version is missed first, then what is done soonest: nothing large delays what is small.

    `unknown`: how many tags of a repository are; one whose tag list was never read is not in it, and costs
    one request to tell. `lists`: the tag lists of `listed_to_tell`, as far as they are known.
    """
    grouped: defaultdict[str, list[tuple[DigestKey, DigestContext]]] = defaultdict(list)
    for key, target in targets.items():
        if target.required and unknown.get(key.repository) != 0:
            grouped[key.repository].append((key, target))
    unfinished = (
        Unfinished(
            found[0][1].ref,
            any(_unnamed(key, target, knowledge, lists) for key, target in found),
            unknown.get(repository, 0),
        )
        for repository, found in grouped.items()
    )
    return sorted(unfinished, key=lambda one: (not one.unnamed, one.unknown, one.ref.repository))


def listed_to_tell(targets: Mapping[DigestKey, DigestContext]) -> set[str]:
    """The repositories whose tag list tells whether a service names its version itself.

    17.2-alpine does so and 17-alpine does not, which neither shows by itself.
    """
    return {
        key.repository
        for key, target in targets.items()
        if target.required
        and any(not is_strict_semver(tag) and parse_version(tag) for tag in target.raw_tags)
    }


def _unnamed(
    key: DigestKey, target: DigestContext, knowledge: VersionKnowledge, lists: Mapping[str, TagList]
) -> bool:
    tags, tag_list = knowledge.tags_of(key.repository, key.digest), lists.get(key.repository)
    return any(not is_version(tag, tag_list) and not resolved(tags, tag) for tag in target.raw_tags)


def first_of_each_registry(unfinished: Iterable[Unfinished]) -> list[Unfinished]:
    """The first of each."""
    first: dict[str, Unfinished] = {}
    for one in unfinished:
        first.setdefault(one.ref.registry, one)
    return list(first.values())

"""The content that the registry really offers. A bench compares answers with it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.catalogue import Quirk
from bench.content import Build, labels
from bench.references import Flavoured
from bench.shelf import Assortment, Shelf


@dataclass(frozen=True, slots=True)
class ReleaseTruth:
    version: str
    digest: str
    """The digest that the tag names: of an index, or of the manifest if there is only one platform."""
    platforms: Mapping[str, str]
    """Manifest digests by platform, without attestations."""
    image_id: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RepositoryTruth:
    name: str
    quirk: Quirk
    multi_platform: bool
    tags: int
    latest: ReleaseTruth
    before: ReleaseTruth
    """The release that `latest` named before the newest one."""


@dataclass(frozen=True, slots=True)
class ReferenceTruth:
    """A floating tag, and the version tag of the same content."""

    repository: str
    tag: str
    version: str
    digest: str


def references_of(flavoured: Flavoured, shelf: Assortment) -> list[ReferenceTruth]:
    truths = []
    for tag, version in flavoured.references.items():
        content = shelf.named(tag)
        if content is None or content != shelf.named(version):
            raise ValueError(f"{flavoured.name} has no {tag} that names {version}")
        truths.append(ReferenceTruth(flavoured.name, tag, version, content.digest))
    return truths


def truth_of(shelf: Shelf) -> RepositoryTruth:
    return RepositoryTruth(
        name=shelf.repository.name,
        quirk=shelf.repository.quirk,
        multi_platform=shelf.repository.multi_platform,
        tags=len(shelf.tags()),
        latest=_release(shelf, shelf.release(back=0)),
        before=_release(shelf, shelf.release(back=1)),
    )


def _release(shelf: Shelf, made: Build) -> ReleaseTruth:
    return ReleaseTruth(
        version=made.name,
        digest=made.top.digest,
        platforms={platform: manifest.digest for platform, manifest in made.platforms.items()},
        image_id=made.image_id,
        labels=labels(shelf.repository, made.name),
    )

"""Computes the repositories of a synthetic registry and what each of their tags names. No I/O."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

PATCHES = MINORS = 12
"""Releases per minor and minors per major. More than ten, so that text order differs from version order."""

FEWEST_TAGS = 10
LARGE_TAGS = 5_000


class Quirk(StrEnum):
    NONE = "none"
    LARGE = "large"
    MISSING = "missing"
    """Every request for it is answered 404."""
    BROKEN = "broken"
    """Every request for it is answered 500."""
    OLDEST_FIRST = "oldest-first"
    """Lists tags in the order of their creation. GHCR and Quay do this, against the specification."""


@dataclass(frozen=True, slots=True)
class Repository:
    name: str
    tags: int
    multi_platform: bool = True
    """False: one Docker schema 2 manifest for linux/amd64 instead of an OCI index."""
    labelled: bool = True
    """Its images carry `org.opencontainers.image.version`."""
    quirk: Quirk = Quirk.NONE


def repositories(images: int, tags: int, single_platform: int = 10) -> Iterator[Repository]:
    """The plain repositories, then the six odd ones. `single_platform` percent have only one platform."""
    if tags < FEWEST_TAGS:
        raise ValueError(
            f"a repository needs at least {FEWEST_TAGS} tags to have three releases and a family"
        )
    for number in range(images):
        yield Repository(
            name=f"bench/service-{number:04}",
            tags=tags,
            multi_platform=(number + 1) * single_platform // 100 == number * single_platform // 100,
            labelled=number % 2 == 0,
        )
    for number in range(3):
        yield Repository(f"odd/large-{number}", LARGE_TAGS, quirk=Quirk.LARGE)
    yield Repository("odd/missing", tags, quirk=Quirk.MISSING)
    yield Repository("odd/broken", tags, quirk=Quirk.BROKEN)
    yield Repository("odd/oldest-first", tags, quirk=Quirk.OLDEST_FIRST)


def version(release: int) -> str:
    minors, patch = divmod(release, PATCHES)
    majors, minor = divmod(minors, MINORS)
    return f"{majors + 1}.{minor}.{patch}"


@dataclass(frozen=True, slots=True)
class TagPlan:
    """The tags of a repository after `released` releases. `latest` names the last release."""

    released: int
    junk: tuple[str, ...]

    @classmethod
    def of(cls, repository: Repository) -> "TagPlan":
        """Plans exactly `repository.tags` tags. One in twenty is junk, and more junk fills the rest."""
        wanted = repository.tags - repository.tags // 20
        released = 3
        while _tags_of(released + 1) <= wanted:
            released += 1
        missing = repository.tags - _tags_of(released)
        return cls(released, tuple(_junk(repository.name, number) for number in range(missing)))

    def next(self) -> "TagPlan":
        return TagPlan(self.released + 1, self.junk)

    def names(self) -> dict[str, str]:
        """The name of the build that each tag names, in the order of creation."""
        named: dict[str, str] = {}
        for release in range(self.released):
            text = version(release)
            major, minor, _ = text.split(".")
            named |= {text: text, f"{major}.{minor}": text, major: text}
        named |= {"latest": version(self.released - 1), "stable": version(self.released - 3)}
        return named | {tag: tag for tag in self.junk}


def _tags_of(released: int) -> int:
    """The number of tags of that many releases, with their families and with `latest` and `stable`."""
    return released + ceil(released / PATCHES) + ceil(released / (PATCHES * MINORS)) + 2


def _junk(repository: str, number: int) -> str:
    noise = hashlib.sha256(f"{repository} {number}".encode()).hexdigest()
    if number == 0:
        return "nightly"
    return f"sha-{noise[:7]}" if number % 2 else f"sha256-{noise}.sig"

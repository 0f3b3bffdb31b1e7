"""Collects what a lookup knows about the tags of its repository. No I/O."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dockrev.inference.tag_list import TagList
from dockrev.oci.digest import Digest
from dockrev.versions.models import ScanCounts, TagFact
from dockrev.versions.tags import Scheme, is_strict_semver, parse_version


@dataclass(frozen=True, slots=True)
class InferenceAnswer:
    """The answer to one question. `names`: the whole tag list. `gone`: tags that do not exist.

    `more`: the bulk API may have a further page. `end`: this was its last page.
    """

    facts: Mapping[str, TagFact] = field(default_factory=dict)
    names: Sequence[str] | None = None
    gone: Collection[str] = ()
    timeouts: Collection[str] = ()
    errors: Collection[str] = ()
    more: bool = False
    end: bool = False


class RepositoryEvidence:
    """Grows with every answer. `tag_list` may be old. `listed`: it was read for this lookup.

    The pages of a bulk API count like the tag list, because the tags of one image are pushed together. They
    do not count for the `raw_tags` themselves. `cut`: the page ended between the tags of the digest, so the
    next page may have more of them.
    """

    def __init__(
        self,
        digest: Digest,
        facts: Mapping[str, TagFact],
        tag_list: TagList | None,
        *,
        listed: bool,
        raw_tags: Collection[str] = (),
    ) -> None:
        self._digest = digest
        self._raw_tags = raw_tags
        self._paged: TagList | None = None
        self.cut = False
        self.facts = dict(facts)
        self.tag_list = tag_list
        self.listed = listed
        self.gone: set[str] = set()
        self.timeouts: set[str] = set()
        self.errors: set[str] = set()

    def add(self, answer: InferenceAnswer) -> None:
        self.facts.update(answer.facts)
        self.timeouts.update(answer.timeouts)
        self.errors.update(answer.errors)
        if answer.names is not None:
            self.listed = True
            if self.tag_list is None or tuple(answer.names) != self.tag_list.names:
                self.tag_list = TagList.of(answer.names)
            self._forget(self.facts.keys() - set(answer.names))
        self._forget(answer.gone)
        if answer.end:
            self.cut = False
        if answer.more and not self.listed:
            self._paged = TagList.of((*(self.names or ()), *self.facts))
            self.cut = any(fact.names(self._digest) for fact in [*answer.facts.values()][-1:])

    def _forget(self, tags: Iterable[str]) -> None:
        for tag in tags:
            self.facts.pop(tag, None)
            self.gone.add(tag)

    @property
    def names(self) -> tuple[str, ...] | None:
        return self.tag_list.names if self.tag_list else None

    @property
    def matches(self) -> tuple[str, ...]:
        """The tags that name the digest."""
        return tuple(tag for tag, fact in self.facts.items() if fact.names(self._digest))

    @property
    def has_possible_version(self) -> bool:
        """A tag of the digest looks like a version, but the tag list may have a more specific one."""
        return any(parse_version(tag) for tag in self.matches)

    @property
    def version_tags(self) -> tuple[str, ...]:
        """The tags of the digest that are versions."""
        return tuple(
            tag for tag in self.matches if is_version(tag, self.tag_list) or self._is_version_by_pages(tag)
        )

    def _is_version_by_pages(self, tag: str) -> bool:
        paged = None if self.listed or self.cut else self._paged
        return paged is not None and tag not in self._raw_tags and paged.is_version(tag)

    def unknown(self, tags: Iterable[str]) -> list[str]:
        """The tags that were not asked yet."""
        asked = self.facts.keys() | self.gone | self.timeouts | self.errors
        return [tag for tag in tags if tag not in asked]

    def scan(self) -> ScanCounts:
        """Without a tag list, the total is 0."""
        failed = (self.timeouts | self.errors) - self.facts.keys()
        timeouts = len(self.timeouts & failed)
        considered = len(self.facts) + len(failed)
        total = max(len(self.names), considered) if self.names is not None else 0
        return ScanCounts(total, considered, len(self.facts), timeouts, len(failed) - timeouts)


def is_version(tag: str, tag_list: TagList | None) -> bool:
    """Without a tag list, only tags with three numbers or more, or with a date, are surely versions."""
    return tag_list.is_version(tag) if tag_list else is_strict_semver(tag) or _is_specific(tag)


def _is_specific(tag: str) -> bool:
    """2025.03.0, 5.14.0.9383-ls258 and RELEASE.2024-10-13T13-34-11Z are specific.

    17.2 and version-4.0.0 are not, because the repository may have 17.2.1 and 4.0.0-ls12.
    """
    version = parse_version(tag)
    if version is None or version.follows:
        return False
    if version.scheme is Scheme.DATE:
        return True
    return len(version.numbers) > 2 and (not version.prefix or version.revision != ())

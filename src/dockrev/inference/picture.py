"""What is known of one repository while a digest is looked for in it. No I/O."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dockrev.oci.digest import Digest
from dockrev.versions.models import Scan, TagFact
from dockrev.versions.tags import Version, is_strict_semver, learn


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question brought. `names`: the whole tag list; `gone`: tags that name nothing.

    `more`: a bulk API may have a further page.
    """

    facts: Mapping[str, TagFact] = field(default_factory=dict)
    names: Sequence[str] | None = None
    gone: Collection[str] = ()
    timeouts: Collection[str] = ()
    errors: Collection[str] = ()
    more: bool = False


class Picture:
    """Grows with every answer. `names` may be an older list; `listed`: it was read just now."""

    def __init__(
        self, digest: Digest, facts: Mapping[str, TagFact], names: Sequence[str] | None, *, listed: bool
    ) -> None:
        self._digest = digest
        self.facts = dict(facts)
        self.listed = listed
        self.gone: set[str] = set()
        self.timeouts: set[str] = set()
        self.errors: set[str] = set()
        self.names: tuple[str, ...] | None = None
        self._shortened: frozenset[str] = frozenset()
        self._versions: dict[str, Version] = {}
        if names is not None:
            self._read(names)

    def add(self, answer: Answer) -> None:
        self.facts.update(answer.facts)
        self.timeouts.update(answer.timeouts)
        self.errors.update(answer.errors)
        if answer.names is not None:
            self.listed = True
            self._read(answer.names)
            self._forget(self.facts.keys() - set(answer.names))
        self._forget(answer.gone)

    def _forget(self, tags: Iterable[str]) -> None:
        for tag in tags:
            self.facts.pop(tag, None)
            self.gone.add(tag)

    def _read(self, names: Sequence[str]) -> None:
        self.names = tuple(dict.fromkeys(names))
        scheme = learn(self.names)
        self._versions = {tag: version for tag in self.names if (version := scheme.version(tag))}
        self._shortened = _shortened(self._versions.values())

    @property
    def matches(self) -> tuple[str, ...]:
        """The tags that name the digest."""
        return tuple(tag for tag, fact in self.facts.items() if fact.names(self._digest))

    @property
    def telling(self) -> tuple[str, ...]:
        """Of those, the ones that say which version it is."""
        return tuple(tag for tag in self.matches if self.tells(tag))

    def tells(self, tag: str) -> bool:
        """It says which version its content is, and hardly ever moves."""
        if is_strict_semver(tag):
            return True
        return self.names is not None and self.is_version(tag)

    def is_version(self, tag: str) -> bool:
        """A version that no other tag of the list is more specific than."""
        return tag in self._versions and tag not in self._shortened

    def unknown(self, tags: Iterable[str]) -> list[str]:
        """Those that were not asked about yet."""
        asked = self.facts.keys() | self.gone | self.timeouts | self.errors
        return [tag for tag in tags if tag not in asked]

    @property
    def complete(self) -> bool:
        """Every tag of a list that was read just now has been answered for."""
        failed = self.timeouts | self.errors
        return self.listed and self.names is not None and not failed and not self.unknown(self.names)

    def scan(self) -> Scan:
        """Without a list, no more tags are counted than are known."""
        failed = (self.timeouts | self.errors) - self.facts.keys()
        timeouts = len(self.timeouts & failed)
        considered = len(self.facts) + len(failed)
        total = len(self.names) if self.names is not None else 0
        return Scan(max(total, considered), considered, len(self.facts), timeouts, len(failed) - timeouts)


def _shortened(versions: Collection[Version]) -> frozenset[str]:
    """The tags that a more specific one of their line begins with: `1` and `1.27` beside `1.27.2`."""
    lines: dict[object, list[Version]] = {}
    for version in versions:
        for length in range(1, len(version.numbers) + 1):
            lines.setdefault((version.line, version.numbers[:length]), []).append(version)
    return frozenset(
        one.tag for one in versions if any(one.shortens(other) for other in lines[(one.line, one.numbers)])
    )

"""Which rule silences a candidate. No I/O; asked each time a candidate is shown."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import assert_never

from dockrev.ignores.models import IgnoreRule, MatchKind
from dockrev.ignores.patterns import MAX_TAG_LENGTH, compiled
from dockrev.ignores.requirement import Requirement, version_of


def first_match(rules: Iterable[IgnoreRule], tag: str, versions: Sequence[str]) -> IgnoreRule | None:
    """The newest enabled rule that fits the candidate's tag or a version inferred for it.

    `rules`: those of the candidate's service, in any order.
    """
    newest_first = sorted(rules, key=lambda rule: (rule.created_at, rule.id), reverse=True)
    return next((rule for rule in newest_first if rule.enabled and fits(rule, tag, versions)), None)


def fits(rule: IgnoreRule, tag: str, versions: Sequence[str]) -> bool:
    """A value that this release cannot read fits nothing."""
    try:
        matches = _matcher(rule.kind, rule.value)
    except ValueError:
        return False
    return any(matches(text) for text in (tag, *versions) if len(text) <= MAX_TAG_LENGTH)


def fault(kind: MatchKind, value: str) -> str | None:
    """Why a rule with this value could never work."""
    try:
        _matcher(kind, value)
    except ValueError as error:
        return str(error)
    return None


@lru_cache(maxsize=1024)
def _matcher(kind: MatchKind, value: str) -> Callable[[str], bool]:
    match kind:
        case MatchKind.EXACT:
            return lambda text: text == value
        case MatchKind.PREFIX:
            return lambda text: text.startswith(value)
        case MatchKind.REGEX:
            pattern = compiled(value)
            return lambda text: pattern.search(text) is not None
        case MatchKind.SEMVER:
            return _within(Requirement.parse(value))
        case _:
            assert_never(kind)


def _within(requirement: Requirement) -> Callable[[str], bool]:
    def matches(text: str) -> bool:
        version = version_of(text)
        return version is not None and requirement.matches(version)

    return matches

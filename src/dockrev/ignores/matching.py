"""Finds the rule that silences a candidate, each time the candidate is shown. No I/O."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import assert_never

from dockrev.ignores.models import IgnoreMatch, IgnoreRule, MatchKind
from dockrev.ignores.patterns import compiled
from dockrev.ignores.requirement import Requirement, version_of
from dockrev.oci.ref import MAX_TAG_LENGTH


def first_match(rules: Iterable[IgnoreRule], tag: str, versions: Sequence[str]) -> IgnoreMatch | None:
    """The newest enabled rule that fits the candidate's tag or one of its version tags.

    `rules`: the rules of the candidate's service, in any order.
    """
    newest_first = sorted(rules, key=lambda rule: (rule.created_at, rule.id), reverse=True)
    matches = (_match(rule, (tag, *versions)) for rule in newest_first if rule.enabled)
    return next((match for match in matches if match), None)


def _match(rule: IgnoreRule, tags: Iterable[str]) -> IgnoreMatch | None:
    """A rule whose value cannot be parsed matches nothing."""
    try:
        fits = matcher(rule.kind, rule.value)
    except ValueError:
        return None
    return next((IgnoreMatch(rule, tag) for tag in tags if len(tag) <= MAX_TAG_LENGTH and fits(tag)), None)


@lru_cache(maxsize=1024)
def matcher(kind: MatchKind, value: str) -> Callable[[str], bool]:
    """Raises ValueError for a value that cannot be read."""
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

"""Regular expressions of strangers, and a bound on what one of them can cost. No I/O.

`re` backtracks: `(a+)+$` takes longer than the universe on a tag of 128 letters. A pattern is therefore taken
only if the ways in which its repetitions can share out such a tag are few.
"""

import re
import warnings
from itertools import pairwise
from re import _parser as syntax  # type: ignore[attr-defined, unused-ignore]  # the only parser of exactly this syntax
from typing import Any, Final

MAX_PATTERN_LENGTH: Final = 500
MAX_TAG_LENGTH: Final = 128
_MAX_WAYS: Final = 4 * MAX_TAG_LENGTH**3
"""Matched or refused within a tenth of a second, at worst."""
_TAG_CHARACTERS: Final = frozenset(map(chr, range(128)))
_REPEATS: Final = frozenset({syntax.MAX_REPEAT, syntax.MIN_REPEAT, syntax.POSSESSIVE_REPEAT})
_UNSUPPORTED: Final = frozenset(
    {syntax.ASSERT, syntax.ASSERT_NOT, syntax.GROUPREF, syntax.GROUPREF_EXISTS, syntax.ATOMIC_GROUP}
)

Node = tuple[Any, Any]
"""An operation of `re` and its argument, as its parser has them."""


def compiled(pattern: str) -> re.Pattern[str]:
    """Raises ValueError for what does not compile or could take too long."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ValueError(f"longer than {MAX_PATTERN_LENGTH} characters")
    try:
        tree, result = _parsed(pattern)
        starts = 1 if tree and tree[0] == (syntax.AT, syntax.AT_BEGINNING) else MAX_TAG_LENGTH
        ways = starts * _ways(tree)
    except RecursionError as error:
        raise ValueError("its groups are nested too deeply") from error
    if ways > _MAX_WAYS:
        raise ValueError("its repetitions could match the same text in too many ways")
    return result


def _parsed(pattern: str) -> tuple[list[Node], re.Pattern[str]]:
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            return list(syntax.parse(pattern, re.ASCII)), re.compile(pattern, re.ASCII)
    except (re.error, ValueError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from error


def _ways(nodes: list[Node]) -> int:
    """An upper bound on how often one start has to be tried again."""
    ways = 1
    for node, following in pairwise([*nodes, (syntax.SUCCESS, None)]):
        ways *= _ways_of(node, following)
    return ways


def _ways_of(node: Node, following: Node) -> int:
    operation, argument = node
    if operation in _UNSUPPORTED:
        raise ValueError("look-arounds, back-references and atomic groups are not supported")
    if operation is syntax.SUBPATTERN:
        return _ways(list(argument[-1]))
    if operation is syntax.BRANCH:
        return sum(_ways(list(branch)) for branch in argument[1])
    return _ways_of_repeat(argument, following) if operation in _REPEATS else 1


def _ways_of_repeat(argument: Any, following: Node) -> int:
    least, most, body = argument[0], int(argument[1]), list(argument[2])
    inner = _ways(body)
    if most > 1 and inner > 1:
        raise ValueError("a repeated group may hold neither repetitions nor alternatives")
    if len(body) == 1 and _ends_by_itself(_characters(body[0]), following):
        return inner
    return inner + min(most, MAX_TAG_LENGTH) - least if most > least else inner


def _ends_by_itself(characters: frozenset[str], following: Node) -> bool:
    """`\\d+` in `\\d+\\.` can stop in one place only: shorter attempts fail at once."""
    operation, argument = following
    if operation is syntax.AT:
        return bool(argument in {syntax.AT_END, syntax.AT_END_STRING})
    if operation in _REPEATS and argument[0] > 0 and len(argument[2]) == 1:
        return _ends_by_itself(characters, argument[2][0])
    next_ones = _characters(following)
    return bool(characters and next_ones) and not characters & next_ones


def _characters(node: Node) -> frozenset[str]:
    """Those that a node for one character takes, in lower case: case may not count. None for other nodes."""
    return frozenset(character.lower() for character in _taken(*node))


def _taken(operation: Any, argument: Any) -> frozenset[str]:
    if operation is syntax.LITERAL:
        return frozenset({chr(argument)})
    if operation is syntax.NOT_LITERAL:
        return _TAG_CHARACTERS - {chr(argument)}
    if operation is syntax.ANY:
        return _TAG_CHARACTERS
    if operation is not syntax.IN:
        return frozenset()
    taken = frozenset[str]().union(*(_members(*item) for item in argument))
    return _TAG_CHARACTERS - taken if argument[0][0] is syntax.NEGATE else taken


def _members(operation: Any, argument: Any) -> frozenset[str]:
    if operation is syntax.RANGE:
        return frozenset(chr(code) for code in range(argument[0], argument[1] + 1) if code < 128)
    if operation is syntax.CATEGORY:
        return frozenset(filter(_CATEGORIES[argument].fullmatch, _TAG_CHARACTERS))
    return frozenset({chr(argument)}) if operation is syntax.LITERAL else frozenset()


_CATEGORIES: Final = {
    syntax.CATEGORY_DIGIT: re.compile(r"\d", re.ASCII),
    syntax.CATEGORY_NOT_DIGIT: re.compile(r"\D", re.ASCII),
    syntax.CATEGORY_SPACE: re.compile(r"\s", re.ASCII),
    syntax.CATEGORY_NOT_SPACE: re.compile(r"\S", re.ASCII),
    syntax.CATEGORY_WORD: re.compile(r"\w", re.ASCII),
    syntax.CATEGORY_NOT_WORD: re.compile(r"\W", re.ASCII),
}

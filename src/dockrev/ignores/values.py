"""Finds values of rules that can never match a tag. No I/O."""

import unicodedata
from typing import Final, assert_never

from dockrev.ignores.models import MatchKind
from dockrev.ignores.patterns import compiled
from dockrev.ignores.requirement import Requirement
from dockrev.oci.ref import MAX_TAG_LENGTH, is_tag

_UNDECODABLE: Final = "\ufffd"
"""The decoder of requests replaces NUL by this character."""


def fault(kind: MatchKind, value: str) -> str | None:
    """Why a rule with this value can never match anything. None: it can."""
    if any(unicodedata.category(character) == "Cc" or character == _UNDECODABLE for character in value):
        return "contains a control character, but no tag has one"
    match kind:
        case MatchKind.EXACT:
            return _fault_of_tag(value) if value.strip() else "is empty, but no tag is empty"
        case MatchKind.PREFIX:
            return _fault_of_tag(value) if value else None
        case MatchKind.REGEX | MatchKind.SEMVER:
            return _fault_of_expression(kind, value)
        case _:
            assert_never(kind)


def _fault_of_tag(value: str) -> str | None:
    """Serves prefixes too, because the beginning of a tag is a valid tag."""
    if len(value) > MAX_TAG_LENGTH:
        return f"longer than {MAX_TAG_LENGTH} characters, the maximum length of a tag"
    if not is_tag(value):
        return (
            "no tag has or begins with this value: tags consist of letters, digits, '_', '.' and '-', "
            "and do not begin with '.' or '-'"
        )
    return None


def _fault_of_expression(kind: MatchKind, value: str) -> str | None:
    try:
        if kind is MatchKind.REGEX:
            compiled(value)
        elif Requirement.parse(value).contradicts_itself:
            return "no version can meet all of these requirements"
    except ValueError as error:
        return str(error)
    return None

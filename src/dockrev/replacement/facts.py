"""Encodes journal entries. Each has a schema number, so that another release knows whether it can read it.

Early releases wrote entries without a number and with other names for some fields.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from dockrev.errors import Conflict, Json
from dockrev.replacement.ports import Facts

SCHEMA = 1

RECORD = "record"
BACKUP = "backup"
ROLLBACK_REQUEST = "rollback_request"
RESTORED = "restored"
OUTCOME = "outcome"
NOT_STEPS = frozenset({ROLLBACK_REQUEST, RESTORED, OUTCOME})

_NUMBER = "schema"
_UNNUMBERED_NAMES = {"turned_back": ROLLBACK_REQUEST}
_UNNUMBERED_STATE = {
    "sharing": "dependents",
    "testimonies": "fingerprints",
    "sound": "healthy",
    "proven": "proven_healthy",
    "made_from": "config_digest",
}
_UNNUMBERED_BACKUP = {"blocks": "required_failed", "restores": "restore_on_rollback"}

Value = TypeVar("Value")


class UnreadableJournal(Conflict):
    """The journal holds an entry that this release does not understand."""


def numbered(facts: Facts) -> Facts:
    """Adds the schema number."""
    return {_NUMBER: SCHEMA, **facts}


def encode(value: Any) -> dict[str, Json]:
    """The fields of a dataclass as JSON values."""
    document: dict[str, Json] = msgspec.to_builtins(value, enc_hook=str)
    return document


def decode(facts: Facts, kind: type[Value]) -> Value:
    """Builds the dataclass and ignores unknown fields. Raises UnreadableJournal."""
    try:
        return msgspec.convert(facts, kind, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise UnreadableJournal(f"an entry of the update's journal cannot be read: {error}") from error


def understood(entries: Mapping[str, Facts]) -> dict[str, Facts]:
    """Translates entries of older schemas to the current one. Raises UnreadableJournal for a newer schema."""
    current = {}
    for name, facts in entries.items():
        number = facts.get(_NUMBER, 0)
        if not isinstance(number, int) or number > SCHEMA:
            raise UnreadableJournal(
                f"a newer release of Dockrev wrote the journal of this update (schema {number}, this release"
                f" reads up to {SCHEMA}), so this release can neither finish the update nor roll it back"
            )
        current[_UNNUMBERED_NAMES.get(name, name)] = facts if number else _renamed(name, facts)
    return current


def _renamed(entry: str, facts: Facts) -> Facts:
    if entry == BACKUP:
        return _with_names(facts, _UNNUMBERED_BACKUP)
    if entry != RECORD:
        return facts
    state = _with_names(facts, _UNNUMBERED_STATE)
    dependents: Any = state.get("dependents", {})
    return {
        **state,
        "dependents": {
            name: _with_names(dependent, _UNNUMBERED_STATE) for name, dependent in dependents.items()
        },
    }


def _with_names(facts: Facts, names: Mapping[str, str]) -> Facts:
    return {names.get(name, name): value for name, value in facts.items()}


def _path(kind: type[Any], value: Any) -> Any:
    if kind is not Path:
        raise NotImplementedError(kind)
    return Path(value)

"""Builds the errors for wrong inputs of a request or of a settings section.

This module imports no web framework: the commands read settings too, and start faster without it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dockrev.errors import InvalidArgument

_MEMBER: Final = re.compile(r"<[\w.]+: ('[^']*')>")
"""The text of an enumeration's member in a message of pydantic."""
_OTHER_WORDS: Final = {
    "model_type": "Input should be an object",
    "model_attributes_type": "Input should be an object",
    "dict_type": "Input should be an object",
    "tuple_type": "Input should be a valid list",
}


def invalid(field: str, message: str) -> InvalidArgument:
    """The error for one wrong input. `field` is written as in the request: `targets[0].serviceId`."""
    return InvalidArgument(f"{field}: {message}", {"errors": [{"field": field, "message": message}]})


def invalid_fields(faults: Sequence[Mapping[str, Any]]) -> InvalidArgument:
    """The error for several wrong inputs. It never repeats the values that were sent.

    `faults` are the errors of pydantic. Their locations begin with `body`, `query` or `path`.
    """
    named = [_fault(fault) for fault in faults]
    return InvalidArgument(f"{named[0]['field']}: {named[0]['message']}", {"errors": named})


def _fault(item: Mapping[str, Any]) -> dict[str, str]:
    return {"field": field_path(item["loc"]), "message": _words(item["type"], item["msg"])}


def _words(kind: str, message: str) -> str:
    """The message of pydantic without the names of Python classes and types."""
    if kind in _OTHER_WORDS:
        return _OTHER_WORDS[kind]
    return _MEMBER.sub(r"\1", message.removeprefix("Value error, "))


def field_path(location: Sequence[str | int]) -> str:
    """("body", "targets", 0, "serviceId") becomes `targets[0].serviceId`. The whole body is `body`."""
    path = ""
    for part in location[1:]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".") or str(location[0])

"""Names the inputs of a request, or of a settings section, that are wrong.

It imports no web framework: the commands read settings too, and start faster without one.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dockrev.errors import InvalidArgument

_MEMBER: Final = re.compile(r"<[\w.]+: ('[^']*')>")
"""A member of an enumeration, as Python writes it."""
_OTHER_WORDS: Final = {
    "model_type": "Input should be an object",
    "model_attributes_type": "Input should be an object",
    "dict_type": "Input should be an object",
    "tuple_type": "Input should be a valid list",
}


def invalid(field: str, message: str) -> InvalidArgument:
    """The error for one wrong input; `field` is written as in the request: `targets[0].serviceId`."""
    return InvalidArgument(f"{field}: {message}", {"errors": [{"field": field, "message": message}]})


def invalid_fields(faults: Sequence[Mapping[str, Any]]) -> InvalidArgument:
    """Names the fields and what is wrong with them; never repeats what was sent.

    `faults` are pydantic's; their locations begin with `body`, `query` or `path`.
    """
    named = [_fault(fault) for fault in faults]
    return InvalidArgument(f"{named[0]['field']}: {named[0]['message']}", {"errors": named})


def _fault(item: Mapping[str, Any]) -> dict[str, str]:
    return {"field": field_path(item["loc"]), "message": _words(item["type"], item["msg"])}


def _words(kind: str, message: str) -> str:
    """Pydantic's, without the names of Python classes and types."""
    if kind in _OTHER_WORDS:
        return _OTHER_WORDS[kind]
    return _MEMBER.sub(r"\1", message.removeprefix("Value error, "))


def field_path(location: Sequence[str | int]) -> str:
    """("body", "targets", 0, "serviceId") becomes `targets[0].serviceId`; a body as a whole is `body`."""
    path = ""
    for part in location[1:]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".") or str(location[0])

"""Reads raw ASGI headers without building an object for each request."""

from collections.abc import Sequence

RawHeaders = Sequence[tuple[bytes, bytes]]
"""The headers of ASGI: names in lower case, and one pair for each line."""


def header(headers: RawHeaders, name: bytes) -> str | None:
    """The value without surrounding blanks, or None when it is absent or blank.

    Repeated lines are joined to one list (RFC 9110 5.3). So an identity header that a client adds to the
    proxy's own cannot pass as the only one.
    """
    lines = [value for key, value in headers if key == name]
    if not lines:
        return None
    if len(lines) == 1:
        return _text(lines[0]) or None
    return ", ".join(filter(None, map(_text, lines))) or None


def _text(value: bytes) -> str:
    """HTTP does not define the charset. Text that is not UTF-8 is read as Latin-1."""
    try:
        return value.decode().strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()

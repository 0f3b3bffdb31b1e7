"""Reading raw ASGI headers without building an object for each request."""

from collections.abc import Sequence

RawHeaders = Sequence[tuple[bytes, bytes]]
"""As ASGI gives them: names in lower case, one pair for each line."""


def header(headers: RawHeaders, name: bytes) -> str | None:
    """The trimmed value, or None when it is absent or blank.

    Repeated lines are one list (RFC 9110 5.3), so a second identity header beside the proxy's own cannot
    pass as the only one.
    """
    lines = [value for key, value in headers if key == name]
    if not lines:
        return None
    if len(lines) == 1:
        return _text(lines[0]) or None
    return ", ".join(filter(None, map(_text, lines))) or None


def _text(value: bytes) -> str:
    """HTTP leaves the charset open; proxies that send names send UTF-8."""
    try:
        return value.decode().strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()

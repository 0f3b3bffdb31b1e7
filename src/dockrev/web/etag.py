"""Conditional requests (RFC 9110 13): a client that has the current answer gets 304 instead of it again."""

from secrets import token_hex
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_PROCESS: Final = token_hex(4)
"""Revisions are counted in memory. They start again with each process, so an ETag names its process too."""


def etag_of(revision: int, view: str) -> str:
    """Read the revision before the data, so that an ETag is never newer than what it stands for.

    It is weak: the same answer may leave compressed or not.
    """
    return f'W/"{_PROCESS}-{revision}-{view}"'


def caching(etag: str) -> dict[str, str]:
    """Headers of an answer that a client may keep, and has to ask about each time."""
    return {"etag": etag, "cache-control": "no-cache"}


def not_modified(request: Request, etag: str) -> Response | None:
    """The whole answer when the client has it already, else None. Compares weakly (RFC 9110 13.1.2)."""
    known = ",".join(request.headers.getlist("if-none-match"))
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    if "*" not in tags and etag.removeprefix("W/") not in tags:
        return None
    return Response(status_code=304, headers=caching(etag) | {"vary": "accept-encoding"})

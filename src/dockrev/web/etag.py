"""Conditional requests (RFC 9110 13). A client that already has the current answer gets 304."""

from secrets import token_hex
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_PROCESS: Final = token_hex(4)
"""Each process counts its revisions from the start, so an ETag contains an id of the process too."""


def etag_of(revision: int, view: str) -> str:
    """Read the revision before the data. Otherwise the ETag could be newer than the answer it belongs to.

    The ETag is weak, since the same answer is sent compressed or uncompressed.
    """
    return f'W/"{_PROCESS}-{revision}-{view}"'


def caching(etag: str) -> dict[str, str]:
    """Headers that let a client keep the answer, but make the client ask each time whether it is current."""
    return {"etag": etag, "cache-control": "no-cache"}


def not_modified(request: Request, etag: str) -> Response | None:
    """A 304 when the client already has the current answer, else None. Compares weakly (RFC 9110 13.1.2)."""
    condition = ",".join(request.headers.getlist("if-none-match"))
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    if "*" not in tags and etag.removeprefix("W/") not in tags:
        return None
    return Response(status_code=304, headers=caching(etag) | {"vary": "accept-encoding"})

"""Reads request bodies: limited in length, and JSON that Dockrev can store and send back."""

import re
from typing import Any, Final

import orjson
from starlette.requests import Request

from dockrev.web.invalid_input import invalid

MAX_BODY_BYTES: Final = 1024 * 1024
_NUL_ESCAPE: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""The escape of NUL. An escaped backslash followed by the letters `u0000` does not match."""


class BoundedRequest(Request):
    async def body(self) -> bytes:
        """Raises InvalidArgument as soon as the Content-Length or the received bytes exceed the limit."""
        if not hasattr(self, "_body"):
            self._refuse_above(int(self.headers.get("content-length", "0")))
            chunks = bytearray()
            async for chunk in self.stream():
                chunks += chunk
                self._refuse_above(len(chunks))
            self._body = bytes(chunks)
        return self._body

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json

    def _refuse_above(self, length: int) -> None:
        if length > MAX_BODY_BYTES:
            raise invalid("body", f"longer than {MAX_BODY_BYTES} bytes")


def refuse_other_content(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise invalid("body", "Content-Type must be application/json")


def parse_json(body: bytes) -> Any:
    """Parses JSON (RFC 8259) that Dockrev can store and send back.

    orjson itself refuses NaN, lone surrogates, broken UTF-8 and deep nesting. NUL becomes U+FFFD, as does a
    byte of a URL that cannot be decoded: PostgreSQL stores no NUL in a text, and no path can contain one.
    """
    try:
        return orjson.loads(_NUL_ESCAPE.sub(rb"\1\\ufffd", body))
    except orjson.JSONDecodeError as error:
        raise invalid("body", f"not usable as JSON: {error.msg}") from error

"""Request bodies: bounded, and JSON that every part behind can store and echo."""

import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import orjson
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from dockrev.web.errors import invalid
from dockrev.web.lane import Lane

MAX_BODY_BYTES: Final = 1024 * 1024
_NUL_ESCAPE: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""An escape, and not the letters of one behind an escaped backslash."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BoundedRequest(Request):
    async def body(self) -> bytes:
        """Raises InvalidArgument as soon as the body is known to be too long."""
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


class StrictRoute(APIRoute):
    """Reads a declared JSON body before FastAPI does, which would hide why it cannot be read."""

    def get_route_handler(self) -> Handler:
        answer = super().get_route_handler()
        if self.methods == {"GET"}:
            return answer
        takes_json = self.body_field is not None

        async def read_and_answer(request: Request) -> Response:
            bounded = BoundedRequest(request.scope, request.receive)
            if takes_json and await bounded.body():
                _refuse_other_content(bounded)
                await bounded.json()
            return await answer(bounded)

        return read_and_answer


class ApiRouter(APIRouter):
    """The router of every feature: its bodies are bounded and strict.

    `lanes`: paths that are often answered without their route, and by what.
    """

    def __init__(self, *, tags: list[str] | None = None, lanes: Mapping[str, Lane] | None = None) -> None:
        super().__init__(route_class=StrictRoute, tags=[*tags] if tags else None, redirect_slashes=False)
        self.lanes = lanes or {}


def _refuse_other_content(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise invalid("body", "Content-Type must be application/json")


def parse_json(body: bytes) -> Any:
    """JSON as RFC 8259 has it, and only what can be stored and echoed.

    orjson refuses NaN, lone surrogates, broken UTF-8 and deep nesting itself. NUL, which PostgreSQL takes in
    no text and no path may hold, becomes U+FFFD like every character that cannot be decoded in a URL.
    """
    try:
        return orjson.loads(_NUL_ESCAPE.sub(rb"\1\\ufffd", body))
    except orjson.JSONDecodeError as error:
        raise invalid("body", f"not usable as JSON: {error.msg}") from error

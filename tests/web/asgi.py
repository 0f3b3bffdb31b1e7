"""Sends requests to an ASGI application in this process, with the scope that uvicorn would build."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: ASGIApp,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    json_body: object = None,
    peer: str = "127.0.0.1",
) -> Answer:
    sent = dict(headers or {})
    if json_body is not None:
        body = json.dumps(json_body).encode()
        sent.setdefault("content-type", "application/json")
    exchange = _Exchange(body)
    await app(_scope(method, target, sent, peer), exchange.receive, exchange.send)
    return exchange.answer()


def _scope(method: str, target: str, headers: Mapping[str, str], peer: str) -> Scope:
    path, _, query = target.partition("?")
    lines = {"host": "dockrev.test", **{name.lower(): value for name, value in headers.items()}}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in lines.items()],
        "client": (peer, 40000),
        "server": ("127.0.0.1", 80),
    }


class _Exchange:
    def __init__(self, body: bytes) -> None:
        self._incoming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._start: Message = {}
        self._body = b""

    async def receive(self) -> Message:
        return self._incoming.pop(0) if self._incoming else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            assert not self._start, "a response starts once"
            self._start = message
        else:
            self._body += message.get("body", b"")

    def answer(self) -> Answer:
        headers = {name.decode(): value.decode() for name, value in self._start["headers"]}
        return Answer(self._start["status"], headers, self._body)

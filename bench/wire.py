"""HTTP/1.1 on an asyncio.Protocol: enough for keep-alive clients, with a simulated network delay."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, cast

from bench.traffic import Kind, Traffic

_HEAD_END = b"\r\n\r\n"
_LARGEST_HEAD = 65_536
_LARGEST_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case. Repeated headers are joined by commas (RFC 9110, 5.3); engines repeat Accept."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: bytes = b""
    """Complete header lines, without Content-Length."""
    body: bytes = b""
    kind: Kind | None = None
    """None for a request of the bench itself, which is neither counted nor delayed."""

    def render(self, *, head_only: bool) -> bytes:
        length = b"" if self.status == 304 else b"content-length: %d\r\n" % len(self.body)
        body = b"" if head_only or self.status == 304 else self.body
        return b"%b%b%b\r\n%b" % (_STATUS_LINES[self.status], length, self.headers, body)


class Answering(Protocol):
    def answer(self, request: Request) -> Answer: ...


class Link:
    """Delays each answer by a round trip, and the first answer of a connection by more (TCP, TLS)."""

    def __init__(self, latency_ms: float, jitter: float, handshake_rtts: float, seed: str) -> None:
        self._round_trip = latency_ms / 1000
        self._jitter = jitter
        self._handshake_rtts = handshake_rtts
        self._random = random.Random(seed)

    def delay(self, *, first: bool) -> float:
        if not self._round_trip:
            return 0.0
        trips = 1 + self._handshake_rtts * first
        return self._round_trip * trips * self._random.uniform(1 - self._jitter, 1 + self._jitter)


class Connection(asyncio.Protocol):
    """Answers one request after the other until the client closes the connection."""

    def __init__(self, server: Answering, link: Link, traffic: Traffic) -> None:
        self._server, self._link, self._traffic = server, link, traffic
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._fresh = True
        self._pending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._serve()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the protocol's signature
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
            self._traffic.gave_up()

    def _serve(self) -> None:
        while self._pending is None and not self._transport.is_closing():
            try:
                request = self._next_request()
            except ValueError:
                self._refuse(400)
                return
            if request is None:
                return
            self._take(request)

    def _next_request(self) -> Request | None:
        """The next request without its body; None when it has not arrived completely.

        Raises ValueError when it is not HTTP.
        """
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            if len(self._buffer) > _LARGEST_HEAD:
                raise ValueError("the request head is too long")
            return None
        request = parse_head(self._buffer[:end].decode("latin-1"))
        length = int(request.headers.get("content-length", "0"))
        if not 0 <= length <= _LARGEST_BODY:
            raise ValueError("the request body is too long")
        whole = end + len(_HEAD_END) + length
        if len(self._buffer) < whole:
            return None
        self._buffer = self._buffer[whole:]
        return request

    def _take(self, request: Request) -> None:
        answer = self._server.answer(request)
        rendered = answer.render(head_only=request.method == "HEAD")
        last = request.headers.get("connection", "").lower() == "close"
        if answer.kind is None:
            self._write(rendered, last=last)
            return
        self._traffic.arrived(on_new_connection=self._fresh)
        delay = self._link.delay(first=self._fresh)
        self._fresh = False
        if delay:
            self._pending = self._loop.call_later(delay, self._deliver, answer, rendered, last)
        else:
            self._send(answer, rendered, last=last)

    def _deliver(self, answer: Answer, rendered: bytes, last: bool) -> None:
        self._pending = None
        self._send(answer, rendered, last=last)
        self._serve()

    def _send(self, answer: Answer, rendered: bytes, *, last: bool) -> None:
        if answer.kind is not None:
            self._traffic.answered(answer.kind, answer.status, len(rendered))
        self._write(rendered, last=last)

    def _write(self, rendered: bytes, *, last: bool) -> None:
        self._transport.write(rendered)
        if last:
            self._transport.close()

    def _refuse(self, status: int) -> None:
        self._write(Answer(status, b"connection: close\r\n").render(head_only=False), last=True)


def parse_head(text: str) -> Request:
    """Parses a request head. Raises ValueError when it is not HTTP/1.x."""
    first, *lines = text.split("\r\n")
    method, target, protocol = first.split(" ")
    if not protocol.startswith("HTTP/1.") or not target.startswith("/"):
        raise ValueError("not an HTTP/1 request to a path")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(method, target, headers)


_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

"""
A small HTTP load generator: raw keep-alive connections, each of which sends a request after every answer.

`python -m bench.load http://127.0.0.1:PORT/path [--seconds 3] [--connections 32] [--method HEAD]`; each
`--header 'Name: value'` is sent along.
"""

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import uvloop

_HEAD_END = b"\r\n\r\n"


class LoadFailed(Exception):
    """The server closed a connection or sent an answer without a length."""


@dataclass(frozen=True, slots=True)
class Target:
    host: str
    port: int
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, url: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> "Target":
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"not an http:// URL: {url!r}")
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        return cls(parts.hostname, parts.port or 80, path, method, headers or {})

    def render(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"host: {self.host}:{self.port}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(frozen=True, slots=True)
class LoadResult:
    requests: int
    seconds: float
    statuses: Mapping[int, int]
    bytes_received: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def __str__(self) -> str:
        statuses = ", ".join(f"{number} x {status}" for status, number in sorted(self.statuses.items()))
        return (
            f"{self.per_second:,.0f} requests/s, p50 {self.p50_ms:.2f} ms, p99 {self.p99_ms:.2f} ms, "
            f"{self.bytes_received / self.seconds / 1e6:,.1f} MB/s ({statuses})"
        )


@dataclass(slots=True)
class _Tally:
    until: float
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    bytes_received: int = 0


class _Asker(asyncio.Protocol):
    """One connection. `done` ends when the time is up, or fails with the first error."""

    def __init__(self, request: bytes, bodiless: bool, tally: _Tally, done: asyncio.Future[None]) -> None:
        self._request, self._bodiless, self._tally, self._done = request, bodiless, tally, done
        self._buffer = bytearray()
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._tally.bytes_received += len(data)
        if self._missing:
            self._missing -= len(data)
        else:
            self._buffer += data
            end = self._buffer.find(_HEAD_END)
            if end < 0:
                return
            try:
                self._missing = self._read_head(end) - (len(self._buffer) - end - len(_HEAD_END))
            except ValueError as error:
                self._fail(f"no HTTP answer of known length: {error}")
                return
            self._buffer.clear()
        if self._missing == 0:
            self._answered()
        elif self._missing < 0:
            self._fail("the server sent more answers than there were requests")

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the server closed the connection ({exc or 'no error'})")

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def _read_head(self, end: int) -> int:
        """The length of the body."""
        head = bytes(self._buffer[:end]).lower()
        status = int(head[9:12])
        self._tally.statuses[status] += 1
        if self._bodiless or status in (204, 304):
            return 0
        _, named, rest = head.partition(b"\r\ncontent-length:")
        if not named:
            raise ValueError("no Content-Length")
        return int(rest.partition(b"\r\n")[0])

    def _answered(self) -> None:
        moment = time.perf_counter()
        self._tally.latencies.append(moment - self._asked)
        if moment < self._tally.until:
            self._ask()
        else:
            self._finish()

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)
        self._transport.close()

    def _fail(self, reason: str) -> None:
        if not self._done.done():
            self._done.set_exception(LoadFailed(reason))
        self._transport.close()


async def load(target: Target, *, seconds: float = 3.0, connections: int = 32) -> LoadResult:
    """Loads the server. Counts answers of every status. Raises LoadFailed."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    tally = _Tally(until=began + seconds)
    request, bodiless = target.render(), target.method == "HEAD"
    finished = []
    for _ in range(connections):
        done = loop.create_future()
        finished.append(done)
        asker = partial(_Asker, request, bodiless, tally, done)
        await loop.create_connection(asker, target.host, target.port)
    outcomes = await asyncio.gather(*finished, return_exceptions=True)
    elapsed = time.perf_counter() - began
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return _result(tally, elapsed)


def _result(tally: _Tally, elapsed: float) -> LoadResult:
    ordered = sorted(tally.latencies)
    return LoadResult(
        requests=len(ordered),
        seconds=elapsed,
        statuses=dict(tally.statuses),
        bytes_received=tally.bytes_received,
        p50_ms=percentile(ordered, 50) * 1000,
        p99_ms=percentile(ordered, 99) * 1000,
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile. `ordered` is ascending and not empty."""
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how many requests a server answers.")
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--method", choices=["GET", "HEAD"], default="GET")
    parser.add_argument("--header", action="append", default=[])
    parsed = parser.parse_args()
    headers = {name: value.strip() for name, _, value in (line.partition(":") for line in parsed.header)}
    target = Target.of(parsed.url, parsed.method, headers)
    print(uvloop.run(load(target, seconds=parsed.seconds, connections=parsed.connections)))


if __name__ == "__main__":
    main()

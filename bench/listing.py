"""Measures how fast the server answers the list of stacks: a full answer, and a 304 when nothing changed.

For comparison, it measures a raw ASGI server that sends the same bytes.
"""

import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from bench.child import child
from bench.figures import Bound, Figure, count
from bench.load import LoadResult, Target, load
from bench.product import PRODUCT_CPU, Product
from bench.registry_options import Behaviour
from bench.scenario import Scenario

_SERVICES = 1_000
_SLOWEST_MS = 400
_SHARE_UNCHANGED = 0.1
_PATH = "/api/stacks"
_ROUNDS = 5
_SECONDS = 1.0


async def measure() -> list[Figure]:
    """Loads both servers in turns on one core, so that a disturbance affects both. Takes the best rounds."""
    scenario = Scenario(services_per_image=_SERVICES // 100, behaviour=Behaviour())
    async with scenario.open() as rig, Product.start(rig.environment) as product:
        await product.check()
        body, etag = await product.body(_PATH)
        async with _raw(body) as raw_host:
            ours = f"http://{rig.environment['DOCKREV_HTTP_ADDR']}{_PATH}"
            rounds = [await _round(ours, f"http://{raw_host}/", etag) for _ in range(_ROUNDS)]
    full, unchanged, raw = (_best(results) for results in zip(*rounds, strict=True))
    return [
        Figure("list: bytes", len(body)),
        Figure("list: answers/s", full.per_second),
        Figure("list, raw ASGI: answers/s", raw.per_second),
        Figure("list: time for an answer", 1000 / full.per_second, _SLOWEST_MS, "ms"),
        Figure("list unchanged (304): answers/s", unchanged.per_second),
        Figure(
            "list unchanged (304): share of raw ASGI",
            unchanged.per_second / raw.per_second,
            _SHARE_UNCHANGED,
            bound=Bound.AT_LEAST,
        ),
        count("list: answers other than 200", _others(full, 200), 0),
        count("list unchanged: answers other than 304", _others(unchanged, 304), 0),
    ]


async def _round(ours: str, raw: str, etag: str) -> tuple[LoadResult, LoadResult, LoadResult]:
    return (
        await load(Target.of(ours), seconds=_SECONDS),
        await load(Target.of(ours, headers={"if-none-match": etag}), seconds=_SECONDS),
        await load(Target.of(raw), seconds=_SECONDS),
    )


def _best(results: Iterable[LoadResult]) -> LoadResult:
    return max(results, key=lambda result: result.per_second)


@asynccontextmanager
async def _raw(body: bytes) -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "body.json"
        file.write_bytes(body)
        async with child("bench.raw_asgi", [str(file)], PRODUCT_CPU) as host:
            yield host


def _others(result: LoadResult, status: int) -> int:
    return result.requests - result.statuses.get(status, 0)

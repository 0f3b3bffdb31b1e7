"""How fast the list of stacks is served, against a raw ASGI server that sends the same bytes."""

import tempfile
from pathlib import Path

from bench.child import child
from bench.figures import Bound, Figure, count
from bench.load import LoadResult, Target, load
from bench.product import PRODUCT_CPU, Product
from bench.registry_options import Behaviour
from bench.scenario import Scenario

_SERVICES = 1_000
_SHARE = 0.75
_PATH = "/api/stacks"


async def measure() -> list[Figure]:
    scenario = Scenario(services_per_image=_SERVICES // 100, behaviour=Behaviour())
    async with scenario.open() as rig, Product.start(rig.environment) as product:
        await product.check()
        body, etag = await product.body(_PATH)
        url = f"http://{rig.environment['DOCKREV_HTTP_ADDR']}{_PATH}"
        full = await load(Target.of(url))
        unchanged = await load(Target.of(url, headers={"if-none-match": etag}))
        raw = await _raw(body)
    return [
        Figure("list: bytes", len(body)),
        Figure("list: answers/s", full.per_second),
        Figure("list, raw ASGI: answers/s", raw.per_second),
        Figure("list: share of raw ASGI", full.per_second / raw.per_second, _SHARE, bound=Bound.AT_LEAST),
        Figure("list unchanged (304): answers/s", unchanged.per_second),
        count("list: answers other than 200", _others(full, 200), 0),
        count("list unchanged: answers other than 304", _others(unchanged, 304), 0),
    ]


async def _raw(body: bytes) -> LoadResult:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "body.json"
        file.write_bytes(body)
        async with child("bench.raw_asgi", [str(file)], PRODUCT_CPU) as host:
            return await load(Target.of(f"http://{host}/"))


def _others(result: LoadResult, status: int) -> int:
    return result.requests - result.statuses.get(status, 0)

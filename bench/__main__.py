"""`python -m bench`: measures Dockrev and the bench's own servers; exits 1 when a gate is broken."""

import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import uvloop

from bench import checks, downtime, listing, versions
from bench.calibration import calibrate
from bench.child import child, spare_cpu
from bench.content import DOCKER_MANIFEST, OCI_INDEX
from bench.control import RegistryControl
from bench.figures import Bound, Figure, count, exit_code, table
from bench.load import LoadResult, Target, load
from bench.traffic import Kind

REGISTRY_HEADS_PER_SECOND = 5_000
"""Five times the rate of a check of 500 images in half a second."""


async def measure() -> list[Figure]:
    calibration = calibrate()
    registry, counted = await _registry_heads()
    asgi = await _raw_asgi()
    return [
        Figure("calibration loop", calibration * 1000, 1_000, "ms"),
        Figure(
            "registry, HEAD/s on one core",
            registry.per_second,
            REGISTRY_HEADS_PER_SECOND,
            bound=Bound.AT_LEAST,
        ),
        Figure("registry, HEAD p99", registry.p99_ms, 20, "ms"),
        count("HEADs miscounted", abs(counted - registry.requests), 0),
        count("HEADs not answered 200", registry.requests - registry.statuses.get(200, 0), 0),
        Figure("raw ASGI, small answers/s", asgi.per_second, 5_000, bound=Bound.AT_LEAST),
        count("raw ASGI answers not 200", asgi.requests - asgi.statuses.get(200, 0), 0),
    ]


async def _registry_heads() -> tuple[LoadResult, int]:
    flags = ["--http", "0", "--auth", "none"]
    async with (
        child("bench.synthetic_registry", flags, spare_cpu()) as host,
        RegistryControl.open(host) as control,
    ):
        headers = {"accept": f"{OCI_INDEX}, {DOCKER_MANIFEST}", "user-agent": "bench"}
        url = f"http://{host}/v2/bench/service-0000/manifests/latest"
        result = await load(Target.of(url, "HEAD", headers))
        return result, (await control.stats()).count(Kind.HEAD_TAG)


async def _raw_asgi() -> LoadResult:
    with tempfile.TemporaryDirectory() as directory:
        body = Path(directory) / "body.json"
        body.write_bytes(b'{"items":[]}')
        async with child("bench.raw_asgi", [str(body)], spare_cpu()) as host:
            return await load(Target.of(f"http://{host}/"))


_CHECKED = ("S100", "S100-shared", "S100-mixed")


async def _everything() -> int:
    calibration, worst = calibrate(), 0
    parts: dict[str, Callable[[], Awaitable[list[Figure]]]] = {"The bench itself": measure}
    parts |= {name: partial(checks.first_and_next, name, calibration) for name in _CHECKED}
    parts |= {name: partial(checks.under_failure, name) for name in checks.FAILURES}
    parts["The version behind a floating tag"] = versions.measure
    parts["The list of stacks, 1,000 services"] = listing.measure
    parts["A service while it is updated"] = downtime.measure
    for title, part in parts.items():
        figures = await part()
        print(table(title, figures), end="\n\n", flush=True)
        worst = max(worst, exit_code(figures))
    return worst


def main() -> int:
    return uvloop.run(_everything())


if __name__ == "__main__":
    sys.exit(main())

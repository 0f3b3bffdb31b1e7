"""What checks cost: requests by kind, time, memory and right answers, in every named scenario."""

from collections.abc import Awaitable, Callable, Mapping

from bench.control import RegistryControl
from bench.figures import Bound, Figure, count, ratio
from bench.product import Job, Product
from bench.scenario import Rig
from bench.scenarios import SCENARIOS
from bench.traffic import Kind, TrafficReport

_SHOWN = (Kind.PING, Kind.TOKEN, Kind.HEAD_TAG, Kind.HEAD_DIGEST, Kind.GET_TAG, Kind.GET_DIGEST, Kind.BLOB)


async def first_and_next(name: str, calibration: float) -> list[Figure]:
    """A first check, a next one, and one after a restart."""
    scenario = SCENARIOS[name]
    async with scenario.open() as rig:
        async with Product.start(rig.environment) as product:
            await rig.reset()
            first = await product.check()
            asked_first = await rig.stats()
            right = await product.right_answers(rig.expectations)
            await rig.reset()
            next_ = await product.check()
            asked_next = await rig.stats()
            started = product.seconds_to_first_answer
            idle, peak = product.resident_megabytes(), product.resident_megabytes(peak=True)
        await rig.reset()
        async with Product.start(rig.environment) as product:
            await product.check()
            asked_again = await rig.stats()
            right_again = await product.right_answers(rig.expectations)
    services, images = len(rig.expectations), scenario.images
    blobs = images * scenario.single_platform // 100
    return [
        *_by_kind(f"{name} first", asked_first),
        *_by_kind(f"{name} next", asked_next),
        count(
            f"{name} first: requests without those GETs, blobs, challenge", _cheap(asked_first), images + 5
        ),
        count(f"{name} first: challenges", asked_first.status(401), 1),
        count(f"{name} first: counted manifest GETs", asked_first.counted_pulls, 3 * images // 10),
        count(f"{name} first: config blobs", asked_first.count(Kind.BLOB), blobs),
        count(f"{name} next: requests", asked_next.requests, images),
        count(f"{name} next: counted manifest GETs", asked_next.counted_pulls, 0),
        count(f"{name} after a restart: counted manifest GETs", asked_again.counted_pulls, 0),
        count(f"{name}: right answers of {services}", right, services, Bound.AT_LEAST),
        count(f"{name} after a restart: right answers", right_again, services, Bound.AT_LEAST),
        Figure(f"{name}: start to the first answer", started, 2.5, "s"),
        *_times(name, first, next_, calibration),
        Figure(f"{name}: memory when idle", idle, 120, "MB"),
        Figure(f"{name}: memory at its peak", peak, 160, "MB"),
    ]


def _by_kind(name: str, asked: TrafficReport) -> list[Figure]:
    """For reading; the limits stand at the sums."""
    counts = ((kind, asked.count(kind)) for kind in _SHOWN)
    return [Figure(f"{name}: {kind}", number) for kind, number in counts if number]


def _cheap(asked: TrafficReport) -> int:
    return asked.requests - asked.counted_pulls - asked.status(401) - asked.count(Kind.BLOB)


def _times(name: str, first: Job, next_: Job, calibration: float) -> list[Figure]:
    limits = {"S500": 1.0}
    return [
        ratio(f"{name} first: time", first.seconds, None, calibration),
        ratio(f"{name} next: time", next_.seconds, limits.get(name, 0.25) / calibration, calibration),
        Figure(f"{name} next: seconds", next_.seconds, limits.get(name, 0.25), "s"),
    ]


Judge = Callable[[Rig, Product, Job], Awaitable[list[Figure]]]


async def under_failure(name: str) -> list[Figure]:
    async with SCENARIOS[name].open() as rig, Product.start(rig.environment) as product:
        await rig.reset()
        job = await product.check()
        return await _FAILURES[name](rig, product, job)


async def _quota(rig: Rig, product: Product, job: Job) -> list[Figure]:
    """Ten GETs allowed, thirty wanted: twenty services are deferred, and the registry is left in peace."""
    asked = await rig.stats()
    lost = len(rig.expectations) - await product.right_answers(rig.expectations) - _deferred(job)
    return [
        count("quota: services lost", max(0, lost), 0),
        count("quota: services failed", int(job.summary["servicesFailed"]), 0),
        count("quota: wasted requests (429)", asked.status(429), 2),
    ]


async def _rate(rig: Rig, product: Product, job: Job) -> list[Figure]:
    asked = await rig.stats()
    lost = len(rig.expectations) - await product.right_answers(rig.expectations) - _deferred(job)
    return [
        count("rate: services lost", max(0, lost), 0),
        count("rate: services failed", int(job.summary["servicesFailed"]), 0),
        Figure("rate: deferred", _deferred(job)),
        Figure("rate: wasted requests (429)", asked.status(429), 2),
    ]


async def _slow_or_dead(rig: Rig, product: Product, job: Job) -> list[Figure]:
    asked = await rig.stats()
    right = await product.right_answers(rig.expectations)
    services = len(rig.expectations)
    return [
        count(f"one bad host: right answers of {services}", right, services, Bound.AT_LEAST),
        Figure("one bad host: the other host was busy for", asked.span_ms / 1000, 1.2 * 0.7, "s"),
        Figure("one bad host: check", job.seconds, None, "s"),
    ]


async def _expiry(rig: Rig, product: Product, _job: Job) -> list[Figure]:
    await _main(rig).expire_tokens()
    await rig.reset()
    again = await product.check()
    asked = await rig.stats()
    right = await product.right_answers(rig.expectations)
    return [
        count("expired tokens: services failed", int(again.summary["servicesFailed"]), 0),
        count("expired tokens: right answers", right, len(rig.expectations), Bound.AT_LEAST),
        count("expired tokens: token requests", asked.count(Kind.TOKEN), 25),
    ]


async def _many(rig: Rig, product: Product, job: Job) -> list[Figure]:
    asked = await rig.stats()
    right = await product.right_answers(rig.expectations)
    return [
        count("500 repositories: services failed", int(job.summary["servicesFailed"]), 0),
        count("500 repositories: right answers", right, len(rig.expectations), Bound.AT_LEAST),
        count("500 repositories: token requests", asked.count(Kind.TOKEN), 26),
    ]


async def _odd(rig: Rig, product: Product, _job: Job) -> list[Figure]:
    services = len(rig.expectations)
    right = await product.right_answers(rig.expectations)
    return [count(f"odd repositories: right answers of {services}", right, services, Bound.AT_LEAST)]


def _main(rig: Rig) -> RegistryControl:
    return rig.registry


def _deferred(job: Job) -> int:
    return int(job.summary["servicesDeferred"])


_FAILURES: Mapping[str, Judge] = {
    "S100-quota": _quota,
    "S100-rate": _rate,
    "S100-slow-host": _slow_or_dead,
    "S100-dead-host": _slow_or_dead,
    "S100-expiry": _expiry,
    "S100-odd": _odd,
    "R500": _many,
}

FAILURES = tuple(_FAILURES)

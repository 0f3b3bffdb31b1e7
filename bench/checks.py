"""Measures checks in every named scenario: requests by kind, time, memory and right answers."""

from collections.abc import Awaitable, Callable, Mapping

from bench.checking import Check, CheckRunner
from bench.control import RegistryControl
from bench.figures import Bound, Figure, count, ratio
from bench.product import Product
from bench.scenario import Rig
from bench.scenarios import SCENARIOS
from bench.traffic import Kind, TrafficReport

_SHOWN = (Kind.PING, Kind.TOKEN, Kind.HEAD_TAG, Kind.HEAD_DIGEST, Kind.GET_TAG, Kind.GET_DIGEST, Kind.BLOB)


async def first_and_next(name: str, calibration: float) -> list[Figure]:
    """Runs a first check, a second check, and a check in a new process. Then starts an empty server."""
    scenario = SCENARIOS[name]
    async with scenario.open() as rig:
        async with CheckRunner.start(rig.environment) as runner:
            first, asked_first = await _counted(rig, runner)
            next_, asked_next = await _counted(rig, runner)
        async with CheckRunner.start(rig.environment) as runner:
            again, asked_again = await _counted(rig, runner)
        expectations = rig.expectations
        server = await _server(name, rig)
    services, images = len(expectations), scenario.images
    blobs = images * scenario.single_platform // 100
    right, right_again = first.right_answers(expectations), again.right_answers(expectations)
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
        *_times(name, first, next_, calibration),
        Figure(f"{name}: memory of a process that checks alone, at its peak", next_.peak, None, "MB"),
        *server,
    ]


async def _counted(rig: Rig, runner: CheckRunner) -> tuple[Check, TrafficReport]:
    await rig.reset()
    check = await runner.check()
    return check, await rig.stats()


async def _server(name: str, rig: Rig) -> list[Figure]:
    """Measures a server. It also runs version lookups, so its requests are not counted here."""
    database = rig.directory / "server.sqlite3"
    async with Product.start({**rig.environment, "DOCKREV_DB_PATH": str(database)}) as product:
        await product.check()
        await product.check()
        idle, peak = product.resident_megabytes(), product.resident_megabytes(peak=True)
    return [
        Figure(f"{name}: start to the first answer", product.seconds_to_first_answer, 2.5, "s"),
        Figure(f"{name}: memory when idle", idle, 120, "MB"),
        Figure(f"{name}: memory at its peak", peak, 160, "MB"),
    ]


def _by_kind(name: str, asked: TrafficReport) -> list[Figure]:
    """The requests by kind, for information. The limits are on the sums."""
    counts = ((kind, asked.count(kind)) for kind in _SHOWN)
    return [Figure(f"{name}: {kind}", number) for kind, number in counts if number]


def _cheap(asked: TrafficReport) -> int:
    return asked.requests - asked.counted_pulls - asked.status(401) - asked.count(Kind.BLOB)


def _times(name: str, first: Check, next_: Check, calibration: float) -> list[Figure]:
    limits = {"S500": 1.0}
    return [
        ratio(f"{name} first: time", first.seconds, None, calibration),
        ratio(f"{name} next: time", next_.seconds, limits.get(name, 0.25) / calibration, calibration),
        Figure(f"{name} next: seconds", next_.seconds, limits.get(name, 0.25), "s"),
    ]


Judge = Callable[[Rig, CheckRunner, Check], Awaitable[list[Figure]]]


async def under_failure(name: str) -> list[Figure]:
    async with SCENARIOS[name].open() as rig, CheckRunner.start(rig.environment) as runner:
        await rig.reset()
        return await _FAILURES[name](rig, runner, await runner.check())


async def _quota(rig: Rig, _runner: CheckRunner, check: Check) -> list[Figure]:
    """The quota allows ten of thirty GETs. Twenty services are deferred without more requests."""
    asked = await rig.stats()
    lost = len(rig.expectations) - check.right_answers(rig.expectations) - check.deferred
    return [
        count("quota: services lost", max(0, lost), 0),
        count("quota: services failed", check.failed, 0),
        count("quota: wasted requests (429)", asked.status(429), 2),
    ]


async def _rate(rig: Rig, _runner: CheckRunner, check: Check) -> list[Figure]:
    asked = await rig.stats()
    lost = len(rig.expectations) - check.right_answers(rig.expectations) - check.deferred
    return [
        count("rate: services lost", max(0, lost), 0),
        count("rate: services failed", check.failed, 0),
        Figure("rate: deferred", check.deferred),
        Figure("rate: wasted requests (429)", asked.status(429), 2),
    ]


async def _slow_or_dead(rig: Rig, _runner: CheckRunner, check: Check) -> list[Figure]:
    asked = await rig.stats()
    right = check.right_answers(rig.expectations)
    services = len(rig.expectations)
    return [
        count(f"one bad host: right answers of {services}", right, services, Bound.AT_LEAST),
        Figure("one bad host: the other host was busy for", asked.span_ms / 1000, 1.2 * 0.7, "s"),
        Figure("one bad host: check", check.seconds, None, "s"),
    ]


async def _expiry(rig: Rig, runner: CheckRunner, _check: Check) -> list[Figure]:
    await _main(rig).expire_tokens()
    await rig.reset()
    again = await runner.check()
    asked = await rig.stats()
    right = again.right_answers(rig.expectations)
    return [
        count("expired tokens: services failed", again.failed, 0),
        count("expired tokens: right answers", right, len(rig.expectations), Bound.AT_LEAST),
        count("expired tokens: token requests", asked.count(Kind.TOKEN), 25),
    ]


async def _many(rig: Rig, _runner: CheckRunner, check: Check) -> list[Figure]:
    asked = await rig.stats()
    right = check.right_answers(rig.expectations)
    return [
        count("500 repositories: services failed", check.failed, 0),
        count("500 repositories: right answers", right, len(rig.expectations), Bound.AT_LEAST),
        count("500 repositories: token requests", asked.count(Kind.TOKEN), 26),
    ]


async def _odd(rig: Rig, _runner: CheckRunner, check: Check) -> list[Figure]:
    services = len(rig.expectations)
    right = check.right_answers(rig.expectations)
    return [count(f"odd repositories: right answers of {services}", right, services, Bound.AT_LEAST)]


def _main(rig: Rig) -> RegistryControl:
    return rig.registry


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

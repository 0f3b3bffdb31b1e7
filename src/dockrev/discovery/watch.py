"""Scans a host at start, after events of its engine, and in intervals."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from dockrev.clock import timestamp
from dockrev.discovery.scan import Scanner
from dockrev.docker.engine import Engine
from dockrev.errors import AppError, DockerError, Unavailable
from dockrev.retry import RetryPolicy, doubling, retry
from dockrev.signals import is_set_within

log = structlog.get_logger()

_REFUSALS_TO_TELL = 3
"""An engine that starts or stops refuses once or twice before a scan fails too."""


@dataclass(frozen=True, slots=True)
class Pace:
    trusting_seconds: float = 600.0
    """Between scans while the engine's events are heard."""
    quiet_seconds: float = 0.3
    busy_seconds: float = 2.0
    """At least, between the starts of two scans, however many events there are."""
    max_busy_seconds: float = 10.0
    retry_pauses: tuple[float, ...] = doubling(1.0, 30.0, 6)
    """After failures in a row; the last one repeats."""

    @property
    def retries(self) -> RetryPolicy:
        return RetryPolicy(self.retry_pauses, lambda error: isinstance(error, AppError), endless=True)

    def busy_after(self, scan_seconds: float) -> float:
        """A container that crashes in a loop may keep us and the engine busy for a fifth of the time only."""
        return max(self.busy_seconds, min(5 * scan_seconds, self.max_busy_seconds))


_USUAL = Pace()


class DiscoveryWatch:
    """A failure does not end it. It is logged once, and once more when it is over."""

    def __init__(
        self, engine: Engine, scanner: Scanner, interval_seconds: float, pace: Pace = _USUAL
    ) -> None:
        """`interval_seconds`: between scans while events cannot be heard."""
        self._engine = engine
        self._scanner = scanner
        self._interval_seconds = interval_seconds
        self._pace = pace
        self._heard = scanner.wanted
        self._engine_answers = asyncio.Event()
        self._listening_since: float | None = None
        self._refusals = 0
        self._failure: type[Exception] | None = None

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._scan_when_due())

    async def probe(self) -> str:
        """For readiness. Raises Unavailable while the newest scan did not succeed."""
        last = self._scanner.last
        if last is None:
            raise Unavailable("the first scan is not finished yet")
        if last.error is not None:
            raise Unavailable(f"the scan at {timestamp(last.at)} failed: {last.error}")
        return f"last scan {timestamp(last.at)}, {last.duration_ms} ms"

    async def _scan_when_due(self) -> None:
        while True:
            started = await retry(self._pace.retries, self._scan, on_failure=self._scan_failed)
            await self._until_due(started)

    async def _scan(self) -> float:
        """Returns when the scan started."""
        started = _now()
        self._heard.clear()
        result = await self._scanner.scan()
        if self._failure is not None:
            log.info("Discovery works again", action="discovery.recovered")
            self._failure = None
        self._engine_answers.set()
        log.debug(
            "Discovery scan finished",
            action="discovery.scanned",
            projects=result.projects_seen,
            duration_ms=result.duration_ms,
        )
        return started

    async def _scan_failed(self, _attempt: int, error: Exception) -> None:
        """An engine that comes up fails in several ways, one after the other: that is one outage."""
        if self._failure is not type(error):
            log.error("Discovery scan failed", action="discovery.failed", cause=str(error))
        self._failure = type(error)

    async def _until_due(self, started: float) -> None:
        took = _now() - started
        if not await is_set_within(self._heard, started + self._seconds_until_fallback(started) - _now()):
            return
        latest = _now() + self._pace.busy_seconds
        while _now() < latest and await self._another_event():
            pass
        # That the engine may be gone is looked into soon, however long scans take.
        lost = self._listening_since is None
        busy = self._pace.busy_seconds if lost else self._pace.busy_after(took)
        await asyncio.sleep(started + busy - _now())

    async def _another_event(self) -> bool:
        """False when none comes before things are quiet."""
        self._heard.clear()
        return await is_set_within(self._heard, self._pace.quiet_seconds)

    def _seconds_until_fallback(self, started: float) -> float:
        """A stream older than an interval was open when the scan at `started` looked: nothing was missed."""
        since = self._listening_since
        trusted = since is not None and started - since >= self._interval_seconds
        return max(self._pace.trusting_seconds, self._interval_seconds) if trusted else self._interval_seconds

    async def _listen(self) -> None:
        while True:
            await retry(self._pace.retries, self._hear, on_failure=self._refused, pause=self._wait_for_engine)
            self._lost()
            await self._wait_for_engine(self._pace.retry_pauses[0])

    async def _hear(self) -> None:
        """Returns when a stream of events has ended. Raises DockerError when none could be opened."""
        self._engine_answers.clear()
        self._listening_since = since = _now()
        try:
            async with aclosing(self._engine.events()) as events:
                async for event in events:
                    log.debug(
                        "The engine reported a change",
                        action="discovery.event",
                        change=event.action.value,
                        project=event.project,
                    )
                    self._heard.set()
        except DockerError:
            if _now() - since < self._pace.retry_pauses[0]:
                raise
        finally:
            self._listening_since = None

    async def _wait_for_engine(self, seconds: float) -> None:
        """So long, or until a scan has found that the engine answers."""
        await is_set_within(self._engine_answers, seconds)

    def _lost(self) -> None:
        """The engine is gone, or only the stream is: a scan will tell."""
        self._refusals = 0
        self._heard.set()

    async def _refused(self, _attempt: int, error: Exception) -> None:
        """The first time, a scan tells whether the engine answers at all. While scans fail, they say so."""
        if self._failure is not None:
            return
        self._refusals += 1
        if self._refusals == 1:
            self._heard.set()
        if self._refusals == _REFUSALS_TO_TELL:
            log.warning(
                "The engine's events cannot be followed; changes are seen by scans in intervals only",
                action="discovery.deaf",
                cause=str(error),
                interval_seconds=self._interval_seconds,
            )


def _now() -> float:
    return asyncio.get_running_loop().time()

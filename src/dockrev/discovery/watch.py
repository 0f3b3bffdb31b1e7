"""Scans a host at the start, after events of its engine, and at intervals."""

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

_REFUSALS_TO_LOG = 3
"""An engine that starts or stops refuses the stream once or twice before a scan fails too."""


@dataclass(frozen=True, slots=True)
class Pace:
    trusting_seconds: float = 600.0
    """The time between two scans while Dockrev receives the engine's events."""
    quiet_seconds: float = 0.3
    """A scan starts when no event has come for this long."""
    busy_seconds: float = 2.0
    """The least time between the starts of two scans, however many events come."""
    max_busy_seconds: float = 10.0
    retry_pauses: tuple[float, ...] = doubling(1.0, 30.0, 6)
    """The pauses after failures in a row. The last one repeats."""

    @property
    def retries(self) -> RetryPolicy:
        return RetryPolicy(self.retry_pauses, lambda error: isinstance(error, AppError), endless=True)

    def busy_after(self, scan_seconds: float) -> float:
        """The least time between two scan starts, so that scans take a fifth of the time at most.

        A container that crashes in a loop causes events without end.
        """
        return max(self.busy_seconds, min(5 * scan_seconds, self.max_busy_seconds))


_USUAL = Pace()


class DiscoveryWatch:
    """Goes on after failures. It logs the start and the end of a row of failures."""

    def __init__(
        self, engine: Engine, scanner: Scanner, interval_seconds: float, pace: Pace = _USUAL
    ) -> None:
        """`interval_seconds`: the time between two scans while the engine sends no events."""
        self._engine = engine
        self._scanner = scanner
        self._interval_seconds = interval_seconds
        self._pace = pace
        self._scan_needed = scanner.scan_needed
        self._engine_answers = asyncio.Event()
        self._listening_since: float | None = None
        self._refusals = 0
        self._failure: type[Exception] | None = None

    async def run(self) -> None:
        """Runs until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._scan_when_due())

    async def probe(self) -> str:
        """The readiness check. Raises Unavailable when the latest scan failed or none has finished."""
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
        """Returns the time at which the scan started."""
        started = _now()
        self._scan_needed.clear()
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
        """Logs an error when the type of the failure changes."""
        if self._failure is not type(error):
            log.error("Discovery scan failed", action="discovery.failed", cause=str(error))
        self._failure = type(error)

    async def _until_due(self, started: float) -> None:
        took = _now() - started
        fallback = started + self._seconds_until_fallback(started)
        if not await is_set_within(self._scan_needed, fallback - _now()):
            return
        latest = _now() + self._pace.busy_seconds
        while _now() < latest and await self._another_event():
            pass
        # The engine may be gone, so the next scan comes soon, however long scans take.
        lost = self._listening_since is None
        busy = self._pace.busy_seconds if lost else self._pace.busy_after(took)
        await asyncio.sleep(started + busy - _now())

    async def _another_event(self) -> bool:
        """False when no event comes within `quiet_seconds`."""
        self._scan_needed.clear()
        return await is_set_within(self._scan_needed, self._pace.quiet_seconds)

    def _seconds_until_fallback(self, started: float) -> float:
        """Longer when the stream had been open for an interval at `started`: then no event was missed."""
        since = self._listening_since
        trusted = since is not None and started - since >= self._interval_seconds
        return max(self._pace.trusting_seconds, self._interval_seconds) if trusted else self._interval_seconds

    async def _listen(self) -> None:
        while True:
            await retry(
                self._pace.retries,
                self._follow_events,
                on_failure=self._stream_refused,
                pause=self._wait_for_engine,
            )
            self._stream_lost()
            await self._wait_for_engine(self._pace.retry_pauses[0])

    async def _follow_events(self) -> None:
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
                    self._scan_needed.set()
        except DockerError:
            if _now() - since < self._pace.retry_pauses[0]:
                raise
        finally:
            self._listening_since = None

    async def _wait_for_engine(self, seconds: float) -> None:
        """Waits this long, or until a scan shows that the engine answers."""
        await is_set_within(self._engine_answers, seconds)

    def _stream_lost(self) -> None:
        """Asks for a scan: it shows whether the engine or only the stream is gone."""
        self._refusals = 0
        self._scan_needed.set()

    async def _stream_refused(self, _attempt: int, error: Exception) -> None:
        """Asks for a scan at the first refusal and logs the third, unless failing scans already log it."""
        if self._failure is not None:
            return
        self._refusals += 1
        if self._refusals == 1:
            self._scan_needed.set()
        if self._refusals == _REFUSALS_TO_LOG:
            log.warning(
                "Dockrev cannot follow the engine's events; it sees changes only by scans at intervals",
                action="discovery.events_unavailable",
                cause=str(error),
                interval_seconds=self._interval_seconds,
            )


def _now() -> float:
    return asyncio.get_running_loop().time()

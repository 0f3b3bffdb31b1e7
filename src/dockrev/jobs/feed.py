"""Passes log lines to live readers in this process, so that they need not poll the database."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dockrev.jobs.models import LogRow
from dockrev.signals import is_set_within

_KEPT = 1000


class Subscription:
    """The new lines for one reader. A slow reader loses the oldest, and sees a gap in the numbers."""

    def __init__(self, kept: int) -> None:
        self._rows: deque[LogRow] = deque(maxlen=kept)
        self._arrived = asyncio.Event()

    def add(self, rows: Sequence[LogRow]) -> None:
        self._rows.extend(rows)
        self._arrived.set()

    async def next(self, seconds: float | None = None) -> list[LogRow]:
        """Waits for lines and returns all that have arrived; an empty list after `seconds` without any."""
        await is_set_within(self._arrived, seconds)
        self._arrived.clear()
        rows = list(self._rows)
        self._rows.clear()
        return rows


class LogFeed:
    """Passes every line to the readers of its job and to the readers of all jobs."""

    def __init__(self, kept: int = _KEPT) -> None:
        """`kept`: the most lines that the feed holds for one reader."""
        self._kept = kept
        self._subscriptions: defaultdict[str | None, set[Subscription]] = defaultdict(set)

    def publish(self, rows: Sequence[LogRow]) -> None:
        """`rows`: lines of committed transactions, ordered by id."""
        by_job: defaultdict[str, list[LogRow]] = defaultdict(list)
        for row in rows:
            by_job[row.job_id].append(row)
        for job_id, lines in by_job.items():
            for subscription in self._subscriptions.get(job_id, ()):
                subscription.add(lines)
        if rows:
            for subscription in self._subscriptions.get(None, ()):
                subscription.add(rows)

    @contextmanager
    def subscribe(self, job_id: str | None = None) -> Iterator[Subscription]:
        """Subscribes to the lines of one job, or of all. Subscribe before you read the stored lines."""
        subscription = Subscription(self._kept)
        self._subscriptions[job_id].add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[job_id].discard(subscription)
            if not self._subscriptions[job_id]:
                del self._subscriptions[job_id]

"""The queue of lookups. It is bounded, ordered by urgency, and survives a restart."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from dockrev.clock import Clock
from dockrev.inference.documents import TaskEnqueued, TaskReasonUpgraded, TaskStarted
from dockrev.inference.events import EventBuffer
from dockrev.signals import Wakeup, is_set_within
from dockrev.versions.models import (
    DigestKey,
    InferenceProgress,
    InferenceTask,
    Lookup,
    TaskStatus,
)
from dockrev.versions.tasks import TaskStore
from dockrev.wording import counted

log = structlog.get_logger()

CAPACITY = 2_000
CONCURRENCY = 2
"""Lookups that run at the same time."""

_LONGEST_WAIT_SECONDS = 30.0
"""The queue looks for due tasks at least this often, because clocks are set and machines sleep."""


@dataclass(slots=True)
class _Change:
    """What `enqueue` is going to change. `merged`: existing tasks that serve one more lookup now."""

    added: dict[DigestKey, InferenceTask]
    merged: dict[DigestKey, InferenceTask]
    dropped: set[DigestKey]


class TaskQueue:
    """The queue in memory decides. The table, which is always written first, restores it after a restart."""

    def __init__(self, store: TaskStore, events: EventBuffer, clock: Clock, capacity: int = CAPACITY) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._capacity = capacity
        self._tasks: dict[DigestKey, InferenceTask] = {}
        self._hurried: dict[DigestKey, int] = {}
        """The urgency of tasks that became more urgent. Their reason stays. A restart forgets it."""
        self._changing = asyncio.Lock()
        self._changed = Wakeup()
        self._requested: dict[Lookup, None] = {}
        self.requested = Wakeup()
        """Wakes when `enqueue_requested` has work."""
        self.dropped = 0
        """The number of tasks dropped since the start, because the queue was full of more urgent ones."""

    async def load(self) -> None:
        """Loads the tasks of the process before. Tasks that it was running are queued again."""
        stored = await self._store.load()
        interrupted = [task for task in stored if task.status is TaskStatus.RUNNING]
        queued = [replace(task, status=TaskStatus.QUEUED, started_at=None) for task in interrupted]
        await self._store.save(queued)
        self._tasks = {task.key: task for task in (*stored, *queued)}
        self._changed.wake()

    @property
    def tasks(self) -> Sequence[InferenceTask]:
        return tuple(self._tasks.values())

    def get(self, key: DigestKey) -> InferenceTask | None:
        return self._tasks.get(key)

    def request(self, lookups: Iterable[Lookup]) -> None:
        """Notes the lookups in memory only, so that a GET writes nothing.

        When more is requested than the queue can hold, the oldest requests are forgotten.
        """
        for lookup in lookups:
            self._requested.setdefault(lookup)
        while len(self._requested) > self._capacity:
            del self._requested[next(iter(self._requested))]
        if self._requested:
            self.requested.wake()

    async def enqueue_requested(self) -> None:
        """Raises StorageError, and keeps the requests for the next try."""
        lookups = tuple(self._requested)
        if lookups:
            await self.enqueue(lookups)
        for lookup in lookups:
            self._requested.pop(lookup, None)

    async def enqueue(self, lookups: Iterable[Lookup]) -> set[DigestKey]:
        """Adds one task for each digest. If a task for the digest exists, it serves the new lookup too.

        Such a task takes the urgency of its most urgent lookup. It keeps the reason of the first one, unless
        the operator orders the lookup. Returns the keys of the tasks that were added.
        """
        lookups = tuple(lookups)
        async with self._changing:
            self._hurry(lookups)
            change = self._plan(lookups)
            if change.added or change.merged:
                await self._store.save([*change.added.values(), *change.merged.values()], change.dropped)
            self._apply(change)
        return set(change.added)

    def _hurry(self, lookups: Iterable[Lookup]) -> None:
        for lookup in lookups:
            task = self._tasks.get(lookup.key)
            if task is not None and lookup.reason.urgency < self._urgency(task):
                self._hurried[lookup.key] = lookup.reason.urgency

    def _urgency(self, task: InferenceTask) -> int:
        return min(task.reason.urgency, self._hurried.get(task.key, task.reason.urgency))

    def _plan(self, lookups: Iterable[Lookup]) -> _Change:
        now, change = self._clock.now(), _Change({}, {}, set())
        for lookup in lookups:
            key = lookup.key
            task = self._tasks.get(key)
            if task is None:
                before = change.added.get(key)
                change.added[key] = InferenceTask(
                    before.lookup.merged(lookup) if before else lookup, now, now
                )
            else:
                task = change.merged.get(key, task)
                if (merged := task.lookup.merged(lookup)) != task.lookup:
                    change.merged[key] = _with_lookup(task, merged, now)
        self._make_room(change)
        return change

    def _make_room(self, change: _Change) -> None:
        """Drops the least urgent tasks, the newest of those first. Running tasks stay."""
        excess = len(self._tasks) + len(change.added) - self._capacity
        if excess <= 0:
            return
        waiting = [
            task
            for task in (*self._tasks.values(), *change.added.values())
            if task.status is TaskStatus.QUEUED and task.key not in change.merged
        ]
        waiting.sort(key=lambda task: (self._urgency(task), task.enqueued_at))
        for task in waiting[-excess:]:
            if change.added.pop(task.key, None) is None:
                change.dropped.add(task.key)
        self.dropped += excess
        log.warning(
            f"The queue of version lookups is full: {counted(excess, 'digest')} dropped for now",
            action="inference.queue_full",
            dropped=excess,
            capacity=self._capacity,
        )

    def _apply(self, change: _Change) -> None:
        for key in change.dropped:
            self._forget(key)
        for key, task in change.merged.items():
            before = self._tasks.get(key)
            if before is None:
                continue
            self._tasks[key] = _with_lookup(before, task.lookup, task.updated_at)
            if before.reason is not task.reason:
                upgraded = TaskReasonUpgraded.about(key, task.reason, from_reason=before.reason)
                self._events.publish(upgraded)
        for key, task in change.added.items():
            self._tasks[key] = task
            self._events.publish(TaskEnqueued.about(key, task.reason))
        self._changed.wake()

    async def next(self) -> InferenceTask:
        """Waits for a task that may start now, and marks it as running. Never runs two for one repository."""
        with self._changed.watch() as changed:
            while True:
                changed.clear()
                async with self._changing:
                    if task := self._first():
                        return await self._start(task)
                await is_set_within(changed, self._wait_seconds())

    @property
    def idle(self) -> bool:
        """No task runs, and no task may start now."""
        running = any(task.status is TaskStatus.RUNNING for task in self._tasks.values())
        return not running and self._first() is None

    def _first(self) -> InferenceTask | None:
        now = self._clock.now()
        busy = {task.key.repository for task in self._tasks.values() if task.status is TaskStatus.RUNNING}
        ready = (
            task
            for task in self._tasks.values()
            if task.status is TaskStatus.QUEUED
            and task.key.repository not in busy
            and (task.not_before is None or task.not_before <= now)
        )
        return min(ready, key=lambda task: (self._urgency(task), task.enqueued_at), default=None)

    async def _start(self, task: InferenceTask) -> InferenceTask:
        now = self._clock.now()
        started = replace(
            task,
            status=TaskStatus.RUNNING,
            started_at=now,
            updated_at=now,
            attempts=task.attempts + 1,
            not_before=None,
        )
        await self._store.save([started])
        self._tasks[task.key] = started
        self._events.publish(TaskStarted.about(task.key, started.reason))
        return started

    def _wait_seconds(self) -> float:
        now = self._clock.now()
        deferred = (task.not_before for task in self._tasks.values() if task.not_before)
        waits = [(until - now).total_seconds() for until in deferred if until > now]
        return min([*waits, _LONGEST_WAIT_SECONDS])

    async def wait_done(self, keys: Collection[DigestKey]) -> None:
        """Waits until no task for these digests runs or may start now. Does not wait for deferred tasks."""
        with self._changed.watch() as changed:
            while any(self._under_way(key) for key in keys):
                await changed.wait()
                changed.clear()

    def _under_way(self, key: DigestKey) -> bool:
        task = self._tasks.get(key)
        return task is not None and (task.not_before is None or task.not_before <= self._clock.now())

    def report(self, key: DigestKey, progress: InferenceProgress) -> None:
        """Keeps the progress of a running task in memory only."""
        task = self._tasks[key]
        self._tasks[key] = replace(task, progress=progress, updated_at=progress.updated_at)

    async def defer(self, task: InferenceTask, until: datetime) -> bool:
        """Puts a running task back into the queue, so that it does not start before `until`.

        Does nothing and returns False when the operator ordered a new lookup meanwhile.
        """
        async with self._changing:
            if self._tasks[task.key].reason is not task.reason:
                return False
            await self._store.save([self._waiting(task.key, until)])
            self.release(task.key, until)
        return True

    def release_unfinished(self, key: DigestKey, until: datetime) -> None:
        """Puts the task back into the queue if it still counts as running."""
        task = self._tasks.get(key)
        if task is not None and task.status is TaskStatus.RUNNING:
            self.release(key, until)

    def release(self, key: DigestKey, until: datetime) -> None:
        """Like `defer`, but only in memory."""
        self._tasks[key] = self._waiting(key, until)
        self._changed.wake()

    def _waiting(self, key: DigestKey, until: datetime) -> InferenceTask:
        return replace(
            self._tasks[key],
            status=TaskStatus.QUEUED,
            started_at=None,
            updated_at=self._clock.now(),
            not_before=until,
            progress=None,
        )

    async def finish(self, task: InferenceTask, record: Callable[[], Awaitable[None]]) -> bool:
        """Removes the task. `record` stores the result and deletes the row of the task in one transaction.

        Does nothing and returns False when the operator ordered a new lookup meanwhile.
        """
        async with self._changing:
            if self._tasks[task.key].reason is not task.reason:
                return False
            await record()
            self._forget(task.key)
            self._changed.wake()
        return True

    def _forget(self, key: DigestKey) -> None:
        del self._tasks[key]
        self._hurried.pop(key, None)


def _with_lookup(task: InferenceTask, lookup: Lookup, now: datetime) -> InferenceTask:
    """A lookup that the operator orders is not deferred any more."""
    if lookup.reason is task.reason:
        return replace(task, lookup=lookup)
    return replace(task, lookup=lookup, updated_at=now, not_before=None)

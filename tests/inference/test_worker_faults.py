"""After any error, no task stays marked as running."""

import asyncio
from collections.abc import Sequence

import pytest

from dockrev.inference.lookup import DigestLookup
from dockrev.inference.worker import InferenceWorker
from dockrev.versions.models import TaskStatus
from dockrev.versions.service_image import ServiceImage
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.building import APP, Engine, Services, release


class _Broken(Services):
    async def all(self) -> Sequence[ServiceImage]:
        raise RuntimeError("a fault of ours")


async def test_an_internal_error_puts_the_task_back_into_the_queue(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old)
    await engine.enqueue(APP, old)
    lookup = DigestLookup(engine.client, engine.versions, engine.images, clock)
    worker = InferenceWorker(engine.queue, lookup, engine.versions, _Broken(), engine.events, clock)
    with pytest.raises(RuntimeError):
        await worker.work_once()
    assert [task.status for task in engine.queue.tasks] == [TaskStatus.QUEUED]
    assert engine.queue.idle
    clock.advance(600)
    await engine.worker.work_once()
    assert not engine.queue.tasks


async def test_a_stopped_worker_puts_its_task_back_into_the_queue(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old)
    await engine.enqueue(APP, old)
    registry.latency_seconds = 30
    async with asyncio.TaskGroup() as group:
        running = group.create_task(engine.worker.run())
        await registry.until(lambda: bool(registry.requests))
        running.cancel()
    registry.latency_seconds = 0
    clock.advance(30)
    async with asyncio.timeout(10):
        await engine.worker.work_once()
    assert not engine.queue.tasks

"""The locks: which updates wait for each other."""

import asyncio

import pytest

from dockrev.oci.digest import Digest
from dockrev.updates.locks import UpdateLocks
from dockrev.updates.models import ServicePlan, StackPlan

DIGEST = Digest.parse("sha256:" + "a" * 64)


def stack(name: str, *refs: str) -> StackPlan:
    services = tuple(ServicePlan(f"svc_{ref}", ref, ref, DIGEST, True, "") for ref in refs)
    return StackPlan(name, name, services)


@pytest.mark.parametrize(
    ("first", "second", "waits"),
    [
        (stack("blog", "web:1"), stack("blog", "db:1"), True),
        (stack("blog", "web:1"), stack("shop", "cache:1", "web:1"), True),
        (stack("blog", "web:1"), stack("shop", "web:2"), False),
    ],
    ids=["the same stack", "the same image", "nothing in common"],
)
async def test_only_one_update_at_a_time_uses_a_stack_or_an_image_name(
    first: StackPlan, second: StackPlan, waits: bool
) -> None:
    locks, lines, done = UpdateLocks(), list[str](), list[str]()
    entered, release, at_once, settled = (asyncio.Event() for _ in range(4))

    async def tell(line: str) -> None:
        lines.append(line)
        settled.set()

    async def work(plan: StackPlan, until: asyncio.Event) -> None:
        async with locks.hold(plan, tell):
            entered.set()
            await until.wait()
            done.append(plan.stack_id + plan.services[0].name)
            settled.set()

    at_once.set()
    async with asyncio.TaskGroup() as group:
        group.create_task(work(first, release))
        await entered.wait()
        group.create_task(work(second, at_once))
        await settled.wait()
        release.set()

    assert bool(lines) is waits
    expected = [one.stack_id + one.services[0].name for one in (first, second)]
    assert done == (expected if waits else expected[::-1])


async def test_updates_of_the_same_images_in_another_order_do_not_deadlock() -> None:
    locks, left, right = UpdateLocks(), stack("blog", "a:1", "b:1"), stack("shop", "b:1", "a:1")

    async def tell(line: str) -> None:
        assert "waits for another update" in line

    async def work(plan: StackPlan) -> None:
        for _ in range(50):
            async with locks.hold(plan, tell):
                await asyncio.sleep(0)

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for plan in (left, right, left, right):
            group.create_task(work(plan))

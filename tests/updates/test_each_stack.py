"""Several stacks of one job: an error of one does not stop the others."""

import asyncio

import pytest

from dockrev.errors import StorageError
from dockrev.jobs.models import BackupMode, JobStatus
from dockrev.oci.digest import Digest
from dockrev.replacement.facts import UnreadableJournal
from dockrev.replacement.outcome import ServiceOutcome, ServiceStatus
from dockrev.updates.each_stack import update_each_stack
from dockrev.updates.models import ServicePlan, StackOutcome, StackPlan, UpdateMode, UpdatePlan
from dockrev.updates.summary import status_of, summary_of


def stack(project: str) -> StackPlan:
    service = ServicePlan(
        service_id=f"svc_{project}",
        name="web",
        image_ref="web:1",
        digest=Digest.of(b"new"),
        auto_rollback=True,
        config_digest="",
    )
    return StackPlan(f"stk_{project}", project, (service,))


BLOG, SHOP = stack("blog"), stack("shop")


class Both:
    """Updates the stacks: `blog` raises the error, then `shop` ends."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.raised = asyncio.Event()
        self.ended: list[str] = []
        self.lines: list[str] = []

    async def update(self, stack: StackPlan) -> StackOutcome:
        if stack is BLOG:
            self.raised.set()
            raise self.error
        await self.raised.wait()
        await asyncio.sleep(0)
        self.ended.append(stack.project)
        updated = ServiceOutcome("svc_shop", "web", ServiceStatus.UPDATED)
        return StackOutcome(stack, {"status": "skipped", "reason": "disabled"}, (updated,))

    async def tell(self, line: str) -> None:
        self.lines.append(line)

    async def outcomes(self) -> list[StackOutcome]:
        return await update_each_stack([BLOG, SHOP], self.update, self.tell)


@pytest.mark.parametrize("mode", list(UpdateMode))
@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (UnreadableJournal("a newer release wrote the journal"), "a newer release wrote the journal; "),
        (
            ZeroDivisionError("secret"),
            "internal error: ZeroDivisionError (details are in the server's log); ",
        ),
    ],
)
async def test_the_other_stacks_end_and_the_summary_has_every_stack(
    error: Exception, cause: str, mode: UpdateMode
) -> None:
    both = Both(error)

    outcomes = await both.outcomes()

    plan = UpdatePlan(mode, False, BackupMode.INHERIT, (BLOG, SHOP))
    assert status_of(plan, outcomes) is JobStatus.FAILED
    blog, shop = summary_of(plan, outcomes).stacks or []
    [failed], [updated] = blog.services or [], shop.services or []
    assert (failed.service_id, failed.status) == ("svc_blog", ServiceStatus.FAILED)
    assert (failed.reason or "").startswith(cause)
    assert "left as they are" in (failed.reason or "")
    assert updated.status is ServiceStatus.UPDATED
    assert both.lines == [f"blog: {failed.reason}"]


async def test_a_storage_error_is_raised_once_every_stack_has_ended() -> None:
    both = Both(StorageError("disk full"))
    with pytest.raises(StorageError, match="disk full"):
        await both.outcomes()
    assert (both.ended, both.lines) == (["shop"], [])


async def test_a_cancelled_update_has_no_outcome() -> None:
    began, cancelled = asyncio.Event(), []

    async def endless(stack: StackPlan) -> StackOutcome:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(stack.project)
            raise
        raise AssertionError("nobody sets that event")

    task = asyncio.create_task(update_each_stack([BLOG, SHOP], endless, Both(StorageError("")).tell))
    await began.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled == ["blog", "shop"]

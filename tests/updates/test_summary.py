"""What a job says of itself when it has ended."""

import pytest

from dockrev.jobs.models import BackupMode, JobStatus
from dockrev.replacement.outcome import ServiceOutcome, ServiceStatus
from dockrev.updates.models import StackOutcome, StackPlan, UpdateMode, UpdatePlan
from dockrev.updates.summary import status_of


def ended(mode: UpdateMode, *, cancelled: bool) -> JobStatus:
    stack = StackPlan("stk", "blog", ())
    web = ServiceOutcome("svc", "web", ServiceStatus.FAILED, "why", "preflight", cancelled=cancelled)
    plan = UpdatePlan(mode, False, BackupMode.INHERIT, (stack,))
    return status_of(plan, [StackOutcome(stack, {}, (web,))])


@pytest.mark.parametrize(
    ("mode", "cancelled", "status"),
    [
        (UpdateMode.DRY_RUN, False, JobStatus.SUCCESS),
        (UpdateMode.DRY_RUN, True, JobStatus.FAILED),
        (UpdateMode.APPLY, False, JobStatus.FAILED),
        (UpdateMode.APPLY, True, JobStatus.FAILED),
    ],
)
def test_a_rehearsal_succeeds_with_what_it_finds_and_not_when_it_is_called_off(
    mode: UpdateMode, cancelled: bool, status: JobStatus
) -> None:
    assert ended(mode, cancelled=cancelled) is status

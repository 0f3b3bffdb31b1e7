"""What a job says of itself when it has ended."""

import pytest

from dockrev.jobs.models import BackupMode, JobStatus
from dockrev.updates.models import Mode, ServiceOutcome, ServiceStatus, StackPlan, Step, UpdatePlan
from dockrev.updates.one_stack import StackOutcome
from dockrev.updates.summary import status_of


def ended(mode: Mode, *, cancelled: bool) -> JobStatus:
    stack = StackPlan("stk", "blog", ())
    web = ServiceOutcome("svc", "web", ServiceStatus.FAILED, "why", Step.PREFLIGHT, cancelled=cancelled)
    plan = UpdatePlan(mode, False, BackupMode.INHERIT, (stack,))
    return status_of(plan, [StackOutcome(stack, {}, (web,))])


@pytest.mark.parametrize(
    ("mode", "cancelled", "status"),
    [
        (Mode.DRY_RUN, False, JobStatus.SUCCESS),
        (Mode.DRY_RUN, True, JobStatus.FAILED),
        (Mode.APPLY, False, JobStatus.FAILED),
        (Mode.APPLY, True, JobStatus.FAILED),
    ],
)
def test_a_rehearsal_succeeds_with_what_it_finds_and_not_when_it_is_called_off(
    mode: Mode, cancelled: bool, status: JobStatus
) -> None:
    assert ended(mode, cancelled=cancelled) is status

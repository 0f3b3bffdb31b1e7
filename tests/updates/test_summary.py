"""The status of a job that has ended."""

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
def test_a_dry_run_succeeds_whatever_it_reports_unless_it_is_cancelled(
    mode: UpdateMode, cancelled: bool, status: JobStatus
) -> None:
    assert ended(mode, cancelled=cancelled) is status

"""A kind of job, as its feature registers it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dockrev.jobs.context import JobContext
from dockrev.jobs.events import JobEvent
from dockrev.jobs.models import JobOutcome, JobSummary

SummaryModel = type[JobSummary]
EventModel = type[JobEvent]
Handler = Callable[[JobContext], Awaitable[JobOutcome]]


@dataclass(frozen=True, slots=True)
class JobKind:
    type: str
    handler: Handler
    summary: SummaryModel
    events: tuple[EventModel, ...] = ()
    """The events of this kind only. Every job also has progress events and an end event."""
    resumes: bool = False
    """A restart runs the handler again from its start; the handler finds out how far the job came.

    The handler of such a job reacts to a cancel itself. A restart or a cancel ends any other job at once.
    """

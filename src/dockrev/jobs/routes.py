"""The job list, one job, and the two event streams."""

from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from dockrev.jobs.cursor import decode_cursor, encode_cursor
from dockrev.jobs.models import JobFilter, JobStatus
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.store import JobStore
from dockrev.jobs.streams import JobStreams
from dockrev.jobs.wire import JobAnswer, JobDocuments, JobEnded, JobListAnswer
from dockrev.web.access import Access
from dockrev.web.envelope import responses
from dockrev.web.query import blank_means
from dockrev.web.router import ApiRouter
from dockrev.web.shutdown import Shutdown
from dockrev.web.sse import EventStream, ResumeAfter
from dockrev.web.wire import Done, WireResponse

_LOG_LINES = 500
_Limit = Annotated[int, Field(ge=1, le=200)]


class JobRoutes:
    def __init__(self, store: JobStore, streams: JobStreams, runner: JobRunner, shutdown: Shutdown) -> None:
        self._store = store
        self._runner = runner
        self._streams = streams
        self._shutdown = shutdown
        self.router = ApiRouter(access=Access.IDENTITY, tags=["jobs"])
        self._documents = JobDocuments(runner.kinds)
        self._declare()

    def _declare(self) -> None:
        add, documents = self.router.add_api_route, self._documents
        errors, missing = responses(503), responses(404, 503)
        add("/api/jobs", self.list, methods=["GET"], response_model=documents.list_answer, responses=errors)
        add("/api/jobs/events", self.events, methods=["GET"], events=documents.events, responses=errors)
        add(
            "/api/jobs/{job_id}",
            self.get,
            methods=["GET"],
            response_model=documents.answer,
            responses=missing,
        )
        add(
            "/api/jobs/{job_id}/cancel",
            self.cancel,
            methods=["POST"],
            responses=responses(404, 503) | responses(409, details=JobEnded),
        )
        add(
            "/api/jobs/{job_id}/events",
            self.job_events,
            methods=["GET"],
            events=documents.lines,
            responses=missing,
        )

    async def list(
        self,
        limit: Annotated[_Limit, blank_means(100, _Limit)] = 100,
        cursor: Annotated[str | None, blank_means(None, str)] = None,
        type: Annotated[str | None, Query(description="One type or several, comma-separated")] = None,
        status: Annotated[JobStatus | None, blank_means(None, JobStatus)] = None,
        stack_id: Annotated[str | None, Query(alias="stackId"), blank_means(None, str)] = None,
        service_id: Annotated[str | None, Query(alias="serviceId"), blank_means(None, str)] = None,
    ) -> Response:
        types = frozenset(name for part in (type or "").split(",") if (name := part.strip()))
        job_filter = JobFilter(types, status, stack_id, service_id)
        jobs = await self._store.page(job_filter, limit, decode_cursor(cursor) if cursor else None)
        shown, more = jobs[:limit], len(jobs) > limit
        answer = JobListAnswer(
            jobs=[self._documents.job(job) for job in shown],
            next_cursor=encode_cursor(shown[-1]) if more else None,
        )
        return WireResponse(answer)

    async def get(self, job_id: str) -> Response:
        job = await self._store.get(job_id)
        logs = await self._store.newest_logs(job_id, _LOG_LINES)
        return WireResponse(JobAnswer(job=self._documents.detail(job, logs)))

    async def events(self, after: ResumeAfter) -> Response:
        """Without an id to resume from it starts now, before the client hears that it is connected."""
        start = after or await self._store.last_log_id()
        return EventStream(self._streams.every_job(start), self._shutdown)

    async def cancel(self, job_id: str) -> Done:
        await self._runner.cancel(job_id)
        return Done()

    async def job_events(self, job_id: str, after: ResumeAfter) -> Response:
        await self._store.get(job_id)
        return EventStream(self._streams.one_job(job_id, after), self._shutdown)

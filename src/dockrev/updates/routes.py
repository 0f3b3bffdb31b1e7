"""Asking for an update."""

from dockrev.updates.jobs import UpdateJobs
from dockrev.updates.request import UpdateIn, parse_request
from dockrev.web.access import Access
from dockrev.web.identity import CurrentPrincipal
from dockrev.web.openapi import responses
from dockrev.web.router import ApiRouter
from dockrev.web.wire import Wire


class UpdateAnswer(Wire):
    job_id: str


class UpdateRoutes:
    def __init__(self, jobs: UpdateJobs) -> None:
        self._jobs = jobs
        self.router = ApiRouter(access=Access.IDENTITY, tags=["updates"])
        self.router.add_api_route(
            "/api/updates",
            self.create,
            methods=["POST"],
            response_model=UpdateAnswer,
            responses=responses(409, 502, 503),
        )

    async def create(self, given: UpdateIn, principal: CurrentPrincipal) -> UpdateAnswer:
        return UpdateAnswer(job_id=await self._jobs.start(parse_request(given), principal.name))

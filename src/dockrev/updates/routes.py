"""The route that starts an update."""

from dockrev.jobs.wire import JobRunning
from dockrev.updates.documents import StaleDigest, UpdateRefusal
from dockrev.updates.jobs import UpdateJobs
from dockrev.updates.request import UpdateIn, parse_request
from dockrev.web.access import Access
from dockrev.web.envelope import responses
from dockrev.web.identity import CurrentPrincipal
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
            responses=responses(502, 503)
            | responses(400, details=UpdateRefusal)
            | responses(409, details=StaleDigest | JobRunning),
        )

    async def create(self, body: UpdateIn, principal: CurrentPrincipal) -> UpdateAnswer:
        return UpdateAnswer(job_id=await self._jobs.start(parse_request(body), principal.name))

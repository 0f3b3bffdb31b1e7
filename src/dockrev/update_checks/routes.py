"""The route that starts a check."""

from dockrev.jobs.models import Reason, Scope
from dockrev.jobs.targets import require_target
from dockrev.jobs.wire import JobRunning
from dockrev.update_checks.jobs import CheckJobs
from dockrev.web.access import Access
from dockrev.web.envelope import responses
from dockrev.web.identity import CurrentPrincipal
from dockrev.web.router import ApiRouter
from dockrev.web.wire import Wire


class CheckRequest(Wire):
    scope: Scope
    stack_id: str | None = None
    service_id: str | None = None
    reason: Reason = Reason.UI


class CheckAnswer(Wire):
    check_id: str


class CheckRoutes:
    def __init__(self, jobs: CheckJobs) -> None:
        self._jobs = jobs
        self.router = ApiRouter(access=Access.IDENTITY, tags=["checks"])
        self.router.add_api_route(
            "/api/checks",
            self.create,
            methods=["POST"],
            response_model=CheckAnswer,
            responses=responses(503) | responses(409, details=JobRunning),
        )

    async def create(self, request: CheckRequest, principal: CurrentPrincipal) -> CheckAnswer:
        target = require_target(request.scope, request.stack_id, request.service_id)
        return CheckAnswer(check_id=await self._jobs.start(target, principal.name, request.reason))

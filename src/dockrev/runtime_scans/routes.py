"""The route that starts a runtime scan."""

from typing import Literal

from dockrev.jobs.models import Reason, Scope
from dockrev.jobs.targets import require_target
from dockrev.jobs.wire import JobRunning
from dockrev.runtime_scans.jobs import RuntimeScanJobs
from dockrev.web.access import Access
from dockrev.web.envelope import responses
from dockrev.web.identity import CurrentPrincipal
from dockrev.web.router import ApiRouter
from dockrev.web.wire import Wire


class RuntimeScanRequest(Wire):
    scope: Scope
    stack_id: str | None = None
    service_id: str | None = None
    reason: Literal[Reason.UI, Reason.SCHEDULE] = Reason.UI


class RuntimeScanAnswer(Wire):
    job_id: str


class RuntimeScanRoutes:
    def __init__(self, scans: RuntimeScanJobs) -> None:
        self._scans = scans
        self.router = ApiRouter(access=Access.IDENTITY, tags=["runtime scans"])
        self.router.add_api_route(
            "/api/runtime-scans",
            self.create,
            methods=["POST"],
            response_model=RuntimeScanAnswer,
            responses=responses(503) | responses(409, details=JobRunning),
        )

    async def create(self, request: RuntimeScanRequest, principal: CurrentPrincipal) -> RuntimeScanAnswer:
        target = require_target(request.scope, request.stack_id, request.service_id)
        return RuntimeScanAnswer(job_id=await self._scans.start(target, principal.name, request.reason))

"""The routes that list backups and start a restore."""

from typing import Annotated

from pydantic import Field, StrictBool
from starlette.responses import Response

from dockrev.backups.documents import BackupRecordOut, BackupTargetDocument, DataInUse, backup_record_out
from dockrev.backups.jobs import RestoreJobs
from dockrev.backups.store import BackupStore
from dockrev.jobs.wire import JobRunning
from dockrev.web.access import Access
from dockrev.web.envelope import ErrorDetails, responses
from dockrev.web.identity import CurrentPrincipal
from dockrev.web.router import ApiRouter
from dockrev.web.wire import Wire, WireResponse


class BackupListAnswer(Wire):
    backups: list[BackupRecordOut]


class RestoreRequest(Wire):
    """Without `targets`, all are restored. `stopContainers` permits stopping containers that use the data."""

    targets: Annotated[list[BackupTargetDocument], Field(min_length=1)] | None = None
    stop_containers: StrictBool = False


class RestoreAnswer(Wire):
    job_id: str


class BackupRoutes:
    def __init__(self, backups: BackupStore, restores: RestoreJobs) -> None:
        self._backups = backups
        self._restores = restores
        self.router = ApiRouter(access=Access.IDENTITY, tags=["backups"])
        self.router.add_api_route(
            "/api/backups",
            self.list,
            methods=["GET"],
            response_model=BackupListAnswer,
            responses=responses(503),
        )
        self.router.add_api_route(
            "/api/backups/{backup_id}/restores",
            self.restore,
            methods=["POST"],
            response_model=RestoreAnswer,
            responses=responses(404, 502, 503)
            | responses(409, details=DataInUse | JobRunning | ErrorDetails),
        )

    async def list(self) -> Response:
        backups = [backup_record_out(backup) for backup in await self._backups.all()]
        return WireResponse(BackupListAnswer(backups=backups))

    async def restore(
        self, backup_id: str, request: RestoreRequest, principal: CurrentPrincipal
    ) -> RestoreAnswer:
        targets = None
        if request.targets is not None:
            targets = [each.target(f"targets[{index}]") for index, each in enumerate(request.targets)]
        job_id = await self._restores.start(
            backup_id, targets, principal.name, stop_containers=request.stop_containers
        )
        return RestoreAnswer(job_id=job_id)

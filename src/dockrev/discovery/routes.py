"""Routes that start a scan, list the discovered projects, and archive or restore one."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from dockrev.discovery.jobs import DiscoveryJobs
from dockrev.discovery.models import DiscoveredProject, ProjectStatus
from dockrev.discovery.store import ProjectStore
from dockrev.hosts.local import LOCAL
from dockrev.stacks.models import ArchivedFilter
from dockrev.stacks.wire import Archived
from dockrev.web.access import Access
from dockrev.web.envelope import responses
from dockrev.web.identity import CurrentPrincipal
from dockrev.web.router import ApiRouter
from dockrev.web.wire import Done, Timestamp, Wire, WireResponse


class ScanStarted(Wire):
    job_id: str


class ProjectOut(Wire):
    host_id: str
    project: str
    status: ProjectStatus
    stack_id: str | None = None
    config_files: list[str] | None = None
    last_seen_at: Timestamp | None = None
    last_scan_at: Timestamp
    last_error: str | None = None
    archived: bool


class ProjectListAnswer(Wire):
    projects: list[ProjectOut]


OnHost = Annotated[str, Query(alias="hostId")]
"""The host of the project. Two hosts may have projects of the same name."""


class DiscoveryRoutes:
    def __init__(self, projects: ProjectStore, jobs: DiscoveryJobs) -> None:
        self._projects = projects
        self._jobs = jobs
        self.router = ApiRouter(access=Access.IDENTITY, tags=["discovery"])
        add, errors = self.router.add_api_route, responses(503)
        add("/api/discovery/scan", self.scan, methods=["POST"], responses=errors)
        add(
            "/api/discovery/projects",
            self.list,
            methods=["GET"],
            response_model=ProjectListAnswer,
            responses=errors,
        )
        for verb, endpoint in (("archive", self.archive), ("restore", self.restore)):
            # A project name comes from a label, so it may contain slashes.
            path = f"/api/discovery/projects/{{project:path}}/{verb}"
            add(path, endpoint, methods=["POST"], responses=responses(404, 503))

    async def scan(self, principal: CurrentPrincipal) -> ScanStarted:
        return ScanStarted(job_id=await self._jobs.start(principal.name))

    async def list(self, archived: Archived = ArchivedFilter.EXCLUDE) -> Response:
        projects = await self._projects.all()
        shown = [_project_out(project) for project in projects if archived.admits(project.archived)]
        return WireResponse(ProjectListAnswer(projects=shown))

    async def archive(self, project: str, host_id: OnHost = LOCAL) -> Done:
        await self._projects.archive(host_id, project, archived=True)
        return Done()

    async def restore(self, project: str, host_id: OnHost = LOCAL) -> Done:
        await self._projects.archive(host_id, project, archived=False)
        return Done()


def _project_out(project: DiscoveredProject) -> ProjectOut:
    files = project.config_files
    return ProjectOut(
        host_id=project.host_id,
        project=project.project,
        status=project.status,
        stack_id=project.stack_id,
        config_files=None if files is None else [*files],
        last_seen_at=project.last_seen_at,
        last_scan_at=project.last_scan_at,
        last_error=project.last_error,
        archived=project.archived,
    )

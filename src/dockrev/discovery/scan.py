"""Lists the containers of a host and brings the stored stacks and projects up to date."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dockrev.clock import Clock
from dockrev.discovery.models import (
    Action,
    ActionKind,
    ProjectState,
    ProjectStatus,
    ReadProject,
    ScanResult,
    UsableProject,
)
from dockrev.discovery.read import ProjectReader
from dockrev.discovery.store import ProjectStore
from dockrev.discovery.sync import StackSync
from dockrev.errors import AppError, DockerError
from dockrev.hosts.host import Host
from dockrev.projects.labels import ProjectContainers, UnusableProject, projects_in
from dockrev.stacks.store import StackStore

REMOVED_KEPT = timedelta(days=30)
_CLEANING_INTERVAL = timedelta(days=1)
_CONCURRENT_PROJECTS = 4

Report = Callable[[int, int, str], None]
"""Called with the number of finished projects, the number of all projects, and the last finished one."""


@dataclass(frozen=True, slots=True)
class LastScan:
    """The latest scan. `error` is None when it succeeded."""

    at: datetime
    duration_ms: int
    error: str | None


class Scanner:
    """Scans one host, one scan at a time: a second caller waits for the first."""

    def __init__(self, host: Host, stacks: StackStore, projects: ProjectStore, clock: Clock) -> None:
        self._host = host
        self._reader = ProjectReader(host.compose)
        self._stacks = stacks
        self._projects = projects
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._runtime_forgotten = False
        self._cleaned_at: datetime | None = None
        self.last: LastScan | None = None
        self.scan_needed = asyncio.Event()
        """Set when another scan is needed: a scan has failed, or the engine has reported a change."""

    @property
    def host_id(self) -> str:
        return self._host.id

    async def scan(self, report: Report = lambda _done, _total, _project: None) -> ScanResult:
        """Raises StorageError or DockerError. After a DockerError the host's stacks have status unknown."""
        async with self._one_at_a_time:
            started_at = self._clock.now()
            try:
                result = await self._scan(started_at, report)
            except AppError as error:
                self.last = LastScan(started_at, self._since(started_at), error.message)
                self.scan_needed.set()
                if isinstance(error, DockerError):
                    await self._forget_runtime()
                raise
            self.last = LastScan(started_at, result.duration_ms, None)
            return result

    async def _scan(self, started_at: datetime, report: Report) -> ScanResult:
        snapshot = await self._host.engine.observe()
        self._runtime_forgotten = False
        stacks = await self._stacks.all()
        stored = {stack.name: stack for stack in stacks if stack.host_id == self._host.id}
        sync = StackSync(self._stacks, self._host.id, stored, snapshot)
        projects = projects_in(snapshot)
        states, actions = await self._visit(projects, sync, report)
        actions += await self._mark_missing({project.name for project in projects}, sync)
        await self._projects.sync(self._host.id, states)
        await self._delete_old_stacks(started_at)
        actions.sort(key=lambda action: action.project)
        return ScanResult(started_at, self._since(started_at), len(projects), tuple(actions))

    async def _visit(
        self, projects: Sequence[ProjectContainers], sync: StackSync, report: Report
    ) -> tuple[list[ProjectState], list[Action]]:
        states: list[ProjectState] = []
        actions: list[Action] = []
        places = asyncio.Semaphore(_CONCURRENT_PROJECTS)

        async def visit(project: ProjectContainers) -> None:
            async with places:
                read = await self._reader.read(project, sync.snapshot)
                action = await sync.project(project, read)
            states.append(_project_state(read, action.stack_id))
            actions.append(action)
            report(len(actions), len(projects), project.name)

        try:
            async with asyncio.TaskGroup() as visits:
                for project in projects:
                    visits.create_task(visit(project))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        return states, actions

    async def _mark_missing(self, seen: set[str], sync: StackSync) -> list[Action]:
        missing = [
            project
            for project in await self._projects.all()
            if project.host_id == self._host.id and project.project not in seen
        ]
        for project in missing:
            await sync.set_missing(project.project)
        return [
            Action(project.project, ActionKind.MARKED_MISSING, project.stack_id)
            for project in missing
            if project.status is not ProjectStatus.MISSING
        ]

    async def _forget_runtime(self) -> None:
        if not self._runtime_forgotten:
            await self._stacks.forget_runtime(self._host.id)
            self._runtime_forgotten = True

    async def _delete_old_stacks(self, now: datetime) -> None:
        if self._cleaned_at is None or now - self._cleaned_at >= _CLEANING_INTERVAL:
            await self._stacks.delete_removed_before(now - REMOVED_KEPT)
            self._cleaned_at = now

    def _since(self, moment: datetime) -> int:
        return round((self._clock.now() - moment).total_seconds() * 1000)


def _project_state(read: ReadProject, stack_id: str | None) -> ProjectState:
    match read:
        case UsableProject(stack, warning):
            files = stack.compose_files
            return ProjectState(stack.project, ProjectStatus.ACTIVE, stack_id, files, warning)
        case UnusableProject(project, reason, files):
            return ProjectState(project, ProjectStatus.INVALID, stack_id, files, reason)

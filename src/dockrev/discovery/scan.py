"""One scan: the host is observed, and the stacks and projects on record are made true to it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dockrev.clock import Clock
from dockrev.discovery.models import (
    Action,
    ActionKind,
    Observation,
    ProjectStatus,
    ScanResult,
    Sighting,
    UsableProject,
)
from dockrev.discovery.observe import Observer
from dockrev.discovery.record import Recorder
from dockrev.discovery.store import ProjectStore
from dockrev.docker.snapshot import HostSnapshot
from dockrev.errors import AppError, DockerError
from dockrev.projects.labels import ProjectContainers, UnusableProject, projects_in
from dockrev.stacks.store import StackStore

REMOVED_KEPT = timedelta(days=30)
_CLEANING_INTERVAL = timedelta(days=1)
_CONCURRENT_PROJECTS = 4

Report = Callable[[int, int, str], None]
"""Called with how many projects are done, how many there are, and the one done last."""


class Host(Protocol):
    """What is asked of the Docker engine here."""

    async def observe(self) -> HostSnapshot: ...


@dataclass(frozen=True, slots=True)
class LastScan:
    """The newest attempt. `error` is None when it succeeded."""

    at: datetime
    duration_ms: int
    error: str | None
    engine_reachable: bool


class Scanner:
    """One scan at a time: who comes second waits."""

    def __init__(
        self, host: Host, observer: Observer, stacks: StackStore, projects: ProjectStore, clock: Clock
    ) -> None:
        self._host = host
        self._observer = observer
        self._stacks = stacks
        self._projects = projects
        self._clock = clock
        self._alone = asyncio.Lock()
        self._runtime_forgotten = False
        self._cleaned_at: datetime | None = None
        self.last: LastScan | None = None
        self.wanted = asyncio.Event()
        """Something calls for a scan: a scan that failed, whoever asked for it, or what the watch hears."""

    async def scan(self, report: Report = lambda _done, _total, _project: None) -> ScanResult:
        """Raises StorageError, or DockerError: then every stack's state is unknown and all else is kept."""
        async with self._alone:
            started_at = self._clock.now()
            try:
                result = await self._scan(started_at, report)
            except AppError as error:
                lost = isinstance(error, DockerError)
                self.last = LastScan(started_at, self._since(started_at), error.message, not lost)
                self.wanted.set()
                if lost:
                    await self._forget_runtime()
                raise
            self.last = LastScan(started_at, result.duration_ms, None, engine_reachable=True)
            return result

    async def _scan(self, started_at: datetime, report: Report) -> ScanResult:
        snapshot = await self._host.observe()
        self._runtime_forgotten = False
        stored = {stack.name: stack for stack in await self._stacks.all()}
        recorder = Recorder(self._stacks, stored, snapshot)
        projects = projects_in(snapshot)
        sightings, actions = await self._visit(projects, recorder, report)
        actions += await self._miss({project.name for project in projects}, recorder)
        await self._projects.record(sightings)
        await self._clean(started_at)
        actions.sort(key=lambda action: action.project)
        return ScanResult(started_at, self._since(started_at), len(projects), tuple(actions))

    async def _visit(
        self, projects: Sequence[ProjectContainers], recorder: Recorder, report: Report
    ) -> tuple[list[Sighting], list[Action]]:
        sightings: list[Sighting] = []
        actions: list[Action] = []
        places = asyncio.Semaphore(_CONCURRENT_PROJECTS)

        async def visit(project: ProjectContainers) -> None:
            async with places:
                observation = await self._observer.observe(project, recorder.snapshot)
                action = await recorder.record(project, observation)
            sightings.append(_sighting(observation, action.stack_id))
            actions.append(action)
            report(len(actions), len(projects), project.name)

        try:
            async with asyncio.TaskGroup() as visits:
                for project in projects:
                    visits.create_task(visit(project))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        return sightings, actions

    async def _miss(self, seen: set[str], recorder: Recorder) -> list[Action]:
        gone = [known for known in await self._projects.all() if known.project not in seen]
        for known in gone:
            await recorder.set_missing(known.project)
        newly = (known for known in gone if known.status is not ProjectStatus.MISSING)
        return [Action(known.project, ActionKind.MARKED_MISSING, known.stack_id) for known in newly]

    async def _forget_runtime(self) -> None:
        if not self._runtime_forgotten:
            await self._stacks.forget_runtime()
            self._runtime_forgotten = True

    async def _clean(self, now: datetime) -> None:
        if self._cleaned_at is None or now - self._cleaned_at >= _CLEANING_INTERVAL:
            await self._stacks.delete_removed_before(now - REMOVED_KEPT)
            self._cleaned_at = now

    def _since(self, moment: datetime) -> int:
        return round((self._clock.now() - moment).total_seconds() * 1000)


def _sighting(observation: Observation, stack_id: str | None) -> Sighting:
    match observation:
        case UsableProject(stack, warning):
            files = stack.compose_files
            return Sighting(stack.project, ProjectStatus.ACTIVE, stack_id, files, warning)
        case UnusableProject(project, reason, files):
            return Sighting(project, ProjectStatus.INVALID, stack_id, files, reason)

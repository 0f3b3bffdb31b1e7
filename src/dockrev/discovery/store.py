"""The table of discovered Compose projects: the only SQL for it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Row, String, Table, Text, and_, select, update

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.db.upsert import upsert
from dockrev.discovery.models import DiscoveredProject, ProjectState, ProjectStatus
from dockrev.errors import NotFound
from dockrev.hosts.local import LOCAL

discovered_projects = Table(
    "discovered_projects",
    metadata,
    Column("host_id", String, ForeignKey("hosts.id"), primary_key=True, server_default=LOCAL),
    Column("project", String, primary_key=True),
    Column("stack_id", ForeignKey("stacks.id", ondelete="SET NULL")),
    Column("status", String, nullable=False),
    Column("config_files", JSON(none_as_null=True)),
    Column("last_seen_at", Moment),
    Column("last_scan_at", Moment, nullable=False),
    Column("last_error", Text),
    Column("archived", Boolean, nullable=False),
    Column("archived_at", Moment),
    Column("archived_reason", String),
)

_ARCHIVED_BY_USER = "user_archive"


class ProjectStore:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> list[DiscoveredProject]:
        """The projects of all hosts, sorted by name."""
        query = select(discovered_projects).order_by(
            discovered_projects.c.project, discovered_projects.c.host_id
        )
        async with self._database.read() as connection:
            return [_project(row) for row in await connection.execute(query)]

    async def sync(self, host_id: str, states: Sequence[ProjectState]) -> None:
        """Stores a finished scan of the host. All other projects of the host become missing.

        An active project leaves the archive.
        """
        now, on_host = self._clock.now(), discovered_projects.c.host_id == host_id
        async with self._database.write() as connection:
            unseen = discovered_projects.c.project.not_in([state.project for state in states])
            missing = {"status": ProjectStatus.MISSING, "last_scan_at": now}
            await connection.execute(update(discovered_projects).where(on_host, unseen).values(missing))
            rows = [_row(host_id, state) | {"last_seen_at": now, "last_scan_at": now} for state in states]
            await upsert(
                connection,
                discovered_projects,
                rows,
                update=("status", "stack_id", "config_files", "last_seen_at", "last_scan_at", "last_error"),
                keep_if_null=("stack_id", "config_files"),
            )
            active = [state.project for state in states if state.status is ProjectStatus.ACTIVE]
            archived = on_host, discovered_projects.c.project.in_(active), discovered_projects.c.archived
            await connection.execute(update(discovered_projects).where(*archived).values(_NOT_ARCHIVED))

    async def archive(self, host_id: str, project: str, *, archived: bool) -> None:
        """Raises NotFound. A second archiving keeps the time of the first."""
        is_project = and_(discovered_projects.c.host_id == host_id, discovered_projects.c.project == project)
        flags = {"archived": True, "archived_at": self._clock.now(), "archived_reason": _ARCHIVED_BY_USER}
        async with self._database.write() as connection:
            stored = await connection.scalar(select(discovered_projects.c.archived).where(is_project))
            if stored is None:
                raise NotFound("project not found")
            if stored != archived:
                values = flags if archived else _NOT_ARCHIVED
                await connection.execute(update(discovered_projects).where(is_project).values(values))


_NOT_ARCHIVED: dict[str, object] = {"archived": False, "archived_at": None, "archived_reason": None}


def _row(host_id: str, state: ProjectState) -> dict[str, object]:
    files = state.config_files
    return {
        "host_id": host_id,
        "project": state.project,
        "stack_id": state.stack_id,
        "status": state.status,
        "config_files": None if files is None else list(files),
        "last_error": state.last_error,
        "archived": False,
    }


def _project(row: Row[Any]) -> DiscoveredProject:
    return DiscoveredProject(
        host_id=row.host_id,
        project=row.project,
        status=ProjectStatus(row.status),
        stack_id=row.stack_id,
        config_files=None if row.config_files is None else tuple(row.config_files),
        last_seen_at=row.last_seen_at,
        last_scan_at=row.last_scan_at,
        last_error=row.last_error,
        archived=row.archived,
    )

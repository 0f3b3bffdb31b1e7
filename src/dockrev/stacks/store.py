"""Stores stacks and services. Only this file has SQL for these tables."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Row,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import Clock
from dockrev.db.database import Database, after_commit
from dockrev.db.schema import Moment, metadata
from dockrev.errors import NotFound
from dockrev.hosts.local import LOCAL
from dockrev.ids import IdPrefix, new_id
from dockrev.oci.digest import Digest
from dockrev.stacks.models import (
    BackupChoice,
    ObservedService,
    ObservedStack,
    RunningImage,
    Runtime,
    Service,
    ServiceSettings,
    Stack,
)

stacks = Table(
    "stacks",
    metadata,
    Column("id", String, primary_key=True),
    Column("host_id", String, ForeignKey("hosts.id"), nullable=False, server_default=LOCAL),
    Column("name", String, nullable=False),
    Column("compose_files", JSON, nullable=False),
    Column("runtime_known", Boolean, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("archived_at", Moment),
    Column("archived_reason", String),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("last_check_at", Moment, nullable=False),
    UniqueConstraint("host_id", "name"),
)

services = Table(
    "services",
    metadata,
    Column("id", String, primary_key=True),
    Column("stack_id", ForeignKey("stacks.id", ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False),
    Column("image_ref", String),
    Column("builds", Boolean, nullable=False),
    Column("watched", Boolean, nullable=False),
    Column("runtime", JSON, nullable=False),
    Column("config_digest", String, nullable=False, server_default=""),
    Column("auto_rollback", Boolean, nullable=False),
    Column("backup_targets", JSON, nullable=False),
    Column("repo_url", String),
    Column("archived", Boolean, nullable=False),
    Column("archived_at", Moment),
    Column("archived_reason", String),
    Column("removed_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("stack_id", "name"),
)


_ARCHIVED_BY_USER = "user_archive"
_WITH_HOST = select(services, stacks.c.host_id).join(stacks, stacks.c.id == services.c.stack_id)


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync did to a stack."""

    stack_id: str
    created: bool
    changed: bool


class StackStore:
    """`revision` grows after every write, so a reader can tell whether anything changed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.revision = 0

    async def all(self) -> list[Stack]:
        """The stacks of all hosts, the newest first. Their services are in order of their names."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(stacks).order_by(stacks.c.created_at.desc(), stacks.c.id.desc())
            )
            grouped = _grouped(await connection.execute(_WITH_HOST.order_by(services.c.name)))
            return [_stack(row, grouped.get(row.id, ())) for row in rows]

    async def get(self, stack_id: str) -> Stack:
        async with self._database.read() as connection:
            row = (await connection.execute(select(stacks).where(stacks.c.id == stack_id))).one_or_none()
            if row is None:
                raise NotFound("stack not found")
            own = _WITH_HOST.where(services.c.stack_id == stack_id).order_by(services.c.name)
            return _stack(row, [_service(service) for service in await connection.execute(own)])

    async def service(self, service_id: str) -> Service:
        async with self._database.read() as connection:
            result = await connection.execute(_WITH_HOST.where(services.c.id == service_id))
            row = result.one_or_none()
        if row is None:
            raise NotFound("service not found")
        return _service(row)

    async def archive(self, stack_id: str, *, archived: bool) -> None:
        if not await self._set_archived(stacks, stack_id, archived=archived):
            raise NotFound("stack not found")

    async def archive_service(self, service_id: str, *, archived: bool) -> None:
        if not await self._set_archived(services, service_id, archived=archived):
            raise NotFound("service not found")

    async def save_settings(
        self, service_id: str, change: Callable[[ServiceSettings], ServiceSettings]
    ) -> None:
        """Stores what `change` returns for the current settings.

        Raises NotFound. Exceptions of `change` pass through.
        """
        same_id = services.c.id == service_id
        async with self._database.write() as connection:
            row = (await connection.execute(_WITH_HOST.where(same_id))).one_or_none()
            if row is None:
                raise NotFound("service not found")
            values = _settings_row(change(_service(row).settings)) | {"updated_at": self._clock.now()}
            await connection.execute(update(services).where(same_id).values(values))
        self.revision += 1

    async def sync(self, observed: ObservedStack) -> Synced:
        """Makes the stack equal to the observation. Services that did not change keep their rows."""
        async with self._database.write() as connection:
            synced = await _Sync(connection, self._clock.now()).stack(observed)
        self.revision += synced.changed
        return synced

    async def set_runtime(self, stack_id: str, runtimes: Mapping[str, Runtime]) -> None:
        """Stores the containers of a stack, when nothing else changed.

        `runtimes`: by the name of the service. A service without an entry has no containers.
        """
        async with self._database.write() as connection:
            await connection.execute(update(stacks).where(stacks.c.id == stack_id).values(runtime_known=True))
            own = select(services.c.id, services.c.name).where(services.c.stack_id == stack_id)
            for service_id, name in (await connection.execute(own)).all():
                runtime = _runtime_json(runtimes.get(name, Runtime()))
                await connection.execute(
                    update(services).where(services.c.id == service_id).values(runtime=runtime)
                )
        self.revision += 1

    async def forget_runtime(self, host_id: str) -> None:
        """Marks the containers of the host's stacks as unknown, because its engine does not answer."""
        forgotten = update(stacks).where(stacks.c.host_id == host_id).values(runtime_known=False)
        async with self._database.write() as connection:
            await connection.execute(forgotten)
        self.revision += 1

    async def record_check(self, connection: AsyncConnection, stack_ids: Collection[str]) -> None:
        """Runs in the caller's transaction."""
        after_commit(connection, self._changed)
        checked = update(stacks).where(stacks.c.id.in_(stack_ids)).values(last_check_at=self._clock.now())
        await connection.execute(checked)

    def _changed(self) -> None:
        self.revision += 1

    async def delete_removed_before(self, moment: datetime) -> int:
        """Deletes services that left their project before `moment`. Returns how many."""
        async with self._database.write() as connection:
            gone = delete(services).where(services.c.removed_at < moment)
            count = (await connection.execute(gone)).rowcount
        self.revision += bool(count)
        return count

    async def _set_archived(self, table: Table, row_id: str, *, archived: bool) -> bool:
        flags = {
            "archived": archived,
            "archived_at": self._clock.now() if archived else None,
            "archived_reason": _ARCHIVED_BY_USER if archived else None,
        }
        same_id = table.c.id == row_id
        async with self._database.write() as connection:
            before = await connection.scalar(select(table.c.archived).where(same_id))
            if before is not None and before != archived:
                await connection.execute(update(table).where(same_id).values(flags))
        self.revision += 1
        return before is not None


class _Sync:
    """Makes one stack equal to one observation, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    async def stack(self, observed: ObservedStack) -> Synced:
        query = select(stacks).where(stacks.c.host_id == observed.host_id, stacks.c.name == observed.project)
        row = (await self._connection.execute(query)).one_or_none()
        stack_id = row.id if row else await self._create(observed)
        changed = row is not None and await self._update(row, observed)
        changed = await self._services(stack_id, observed.services) or changed
        return Synced(stack_id, created=row is None, changed=changed or row is None)

    async def _create(self, observed: ObservedStack) -> str:
        stack_id = new_id(IdPrefix.STACK)
        values = {
            "id": stack_id,
            "host_id": observed.host_id,
            "name": observed.project,
            "compose_files": list(observed.compose_files),
            "runtime_known": True,
            "archived": False,
            "created_at": self._now,
            "updated_at": self._now,
            "last_check_at": self._now,
        }
        await self._connection.execute(insert(stacks).values(values))
        return stack_id

    async def _update(self, row: Row[Any], observed: ObservedStack) -> bool:
        files = list(observed.compose_files)
        if row.compose_files == files and row.runtime_known:
            return False
        values = {"compose_files": files, "runtime_known": True, "updated_at": self._now}
        await self._connection.execute(update(stacks).where(stacks.c.id == row.id).values(values))
        return True

    async def _services(self, stack_id: str, observed: Sequence[ObservedService]) -> bool:
        query = select(services).where(services.c.stack_id == stack_id)
        stored = {row.name: row for row in await self._connection.execute(query)}
        changed = False
        for service in observed:
            changed = await self._service(stack_id, service, stored.pop(service.name, None)) or changed
        gone = [row.id for row in stored.values() if row.removed_at is None]
        if gone:
            values = {
                "runtime": _runtime_json(Runtime()),
                "removed_at": self._now,
                "updated_at": self._now,
            }
            await self._connection.execute(update(services).where(services.c.id.in_(gone)).values(values))
        return changed or bool(gone)

    async def _service(self, stack_id: str, observed: ObservedService, row: Row[Any] | None) -> bool:
        values: dict[str, object] = {
            "image_ref": observed.image_ref,
            "builds": observed.builds,
            "watched": observed.watched,
            "runtime": _runtime_json(observed.runtime),
            "config_digest": observed.config_digest,
            "removed_at": None,
        }
        if row is None:
            await self._connection.execute(
                insert(services).values(self._new_service(stack_id, observed.name) | values)
            )
            return True
        if all(getattr(row, name) == value for name, value in values.items()):
            return False
        values["updated_at"] = self._now
        await self._connection.execute(update(services).where(services.c.id == row.id).values(values))
        return True

    def _new_service(self, stack_id: str, name: str) -> dict[str, object]:
        return {
            "id": new_id(IdPrefix.SERVICE),
            "stack_id": stack_id,
            "name": name,
            "auto_rollback": True,
            "backup_targets": {"bindPaths": {}, "volumeNames": {}},
            "archived": False,
            "created_at": self._now,
            "updated_at": self._now,
        }


def _grouped(rows: Any) -> Mapping[str, Sequence[Service]]:
    grouped: defaultdict[str, list[Service]] = defaultdict(list)
    for row in rows:
        grouped[row.stack_id].append(_service(row))
    return grouped


def _stack(row: Row[Any], own: Sequence[Service]) -> Stack:
    return Stack(
        id=row.id,
        host_id=row.host_id,
        name=row.name,
        compose_files=tuple(row.compose_files),
        runtime_known=row.runtime_known,
        archived=row.archived,
        created_at=row.created_at,
        last_check_at=row.last_check_at,
        services=tuple(own),
    )


def _service(row: Row[Any]) -> Service:
    targets = row.backup_targets
    return Service(
        id=row.id,
        host_id=row.host_id,
        stack_id=row.stack_id,
        name=row.name,
        image_ref=row.image_ref,
        builds=row.builds,
        watched=row.watched,
        runtime=_runtime(row.runtime),
        config_digest=row.config_digest,
        settings=ServiceSettings(
            auto_rollback=row.auto_rollback,
            bind_paths={path: BackupChoice(choice) for path, choice in targets["bindPaths"].items()},
            volume_names={name: BackupChoice(choice) for name, choice in targets["volumeNames"].items()},
            repo_url=row.repo_url,
        ),
        archived=row.archived,
        removed=row.removed_at is not None,
        updated_at=row.updated_at,
    )


def _settings_row(settings: ServiceSettings) -> dict[str, object]:
    return {
        "auto_rollback": settings.auto_rollback,
        "backup_targets": {
            "bindPaths": dict(settings.bind_paths),
            "volumeNames": dict(settings.volume_names),
        },
        "repo_url": settings.repo_url,
    }


def _runtime_json(runtime: Runtime) -> dict[str, object]:
    images = [
        {"id": image.image_id, "digests": list(image.digests), "version": image.version}
        for image in runtime.images
    ]
    return {
        "total": runtime.total,
        "running": runtime.running,
        "unhealthy": runtime.unhealthy,
        "images": images,
    }


def _runtime(document: dict[str, Any]) -> Runtime:
    images = (
        RunningImage(image["id"], tuple(map(Digest, image["digests"])), image.get("version"))
        for image in document["images"]
    )
    return Runtime(document["total"], document["running"], document["unhealthy"], tuple(images))

"""Facts about tags, tag lists and snapshots: the only SQL for these tables."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import JSON, Column, Index, Integer, Row, String, Table, Text, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.versions.models import (
    DigestKey,
    Listing,
    RetentionRun,
    Snapshot,
    TagFact,
    Task,
    VersionKnowledge,
)
from dockrev.versions.snapshots import SnapshotReader, snapshot_row
from dockrev.versions.tasks import forget, inference_tasks, task_of

tag_facts = Table(
    "tag_facts",
    metadata,
    Column("repository", String, primary_key=True),
    Column("tag", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("children", JSON, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Index(None, "digest"),
)

repository_tags = Table(
    "repository_tags",
    metadata,
    Column("repository", String, primary_key=True),
    Column("names", JSON, nullable=False),
    Column("listed_at", Moment, nullable=False),
    Column("complete_at", Moment),
)

digest_snapshots = Table(
    "digest_snapshots",
    metadata,
    Column("repository", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("platform", String, primary_key=True),
    Column("tags", JSON, nullable=False),
    Column("former", JSON, nullable=False),
    Column("checked_at", Moment, nullable=False),
    Column("total", Integer, nullable=False),
    Column("considered", Integer, nullable=False),
    Column("ok", Integer, nullable=False),
    Column("timeout", Integer, nullable=False),
    Column("error", Integer, nullable=False),
    Index(None, "checked_at"),
    Index(None, "digest"),
)

retention_runs = Table(
    "retention_runs",
    metadata,
    Column("subject", String, primary_key=True),
    Column("ran_at", Moment, nullable=False),
    Column("deleted", Integer, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("error", Text),
)

_SNAPSHOTS = "snapshots"
_BATCH = 1_000
"""Values in one query."""

Key = TypeVar("Key", bound=str)


@dataclass(frozen=True, slots=True)
class Findings:
    """What one look at a repository taught. `gone`: tags that name nothing any more."""

    repository: str
    facts: Sequence[TagFact] = ()
    gone: Collection[str] = ()
    listing: Listing | None = None
    snapshots: Sequence[Snapshot] = ()


class VersionStore:
    """`revision` grows whenever a digest may have got another version than before."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = SnapshotReader(digest_snapshots)
        self.revision = 0

    async def known(self, digests: Iterable[tuple[str, Digest]], platform: Platform) -> VersionKnowledge:
        """All that is known of these digests (each with its `ImageRef.repository`): no request is made."""
        wanted = set(digests)
        tags: defaultdict[tuple[str, Digest], list[str]] = defaultdict(list)
        snapshots: dict[DigestKey, Snapshot] = {}
        tasks: dict[DigestKey, Task] = {}
        async with self._database.read() as connection:
            for batch in _batches(digest for _, digest in wanted):
                facts = await connection.execute(select(tag_facts).where(tag_facts.c.digest.in_(batch)))
                for row in facts:
                    tags[(row.repository, Digest(row.digest))].append(row.tag)
                for snapshot in await self._reader.read(connection, digest_snapshots.c.digest.in_(batch)):
                    snapshots[snapshot.key] = snapshot
                waiting = select(inference_tasks).where(inference_tasks.c.digest.in_(batch))
                for row in await connection.execute(waiting):
                    task = task_of(row)
                    tasks[task.key] = task
        return VersionKnowledge(
            platform,
            {key: tuple(names) for key, names in tags.items() if key in wanted},
            {key: one for key, one in snapshots.items() if (key.repository, key.digest) in wanted},
            {key: one for key, one in tasks.items() if (key.repository, key.digest) in wanted},
        )

    async def facts(self, repository: str) -> dict[str, TagFact]:
        """By tag."""
        async with self._database.read() as connection:
            return await _facts(connection, repository)

    async def listing(self, repository: str) -> Listing | None:
        async with self._database.read() as connection:
            found = await connection.execute(
                select(repository_tags).where(repository_tags.c.repository == repository)
            )
            row = found.one_or_none()
        return _listing(row) if row else None

    async def complete(self) -> set[str]:
        """The repositories in which the content of every tag is known."""
        query = select(repository_tags.c.repository).where(repository_tags.c.complete_at.is_not(None))
        async with self._database.read() as connection:
            return set(await connection.scalars(query))

    async def snapshot(self, key: DigestKey) -> Snapshot | None:
        async with self._database.read() as connection:
            found = await self._reader.read(connection, digest_snapshots.c.digest == key.digest)
        return next((one for one in found if one.key == key), None)

    async def snapshots(self, repository: str | None = None) -> list[Snapshot]:
        """Of one repository, or all."""
        where = [] if repository is None else [digest_snapshots.c.repository == repository]
        async with self._database.read() as connection:
            return await self._reader.read(connection, *where)

    async def learn(self, findings: Findings, done: DigestKey | None = None) -> None:
        """All in one transaction, the end of the task `done` included."""
        async with self._database.write() as connection:
            changed = await _Learning(connection, self._reader, findings).learn()
            if done is not None:
                await forget(connection, done)
        self.revision += changed

    async def delete_before(self, moment: datetime) -> int:
        """Snapshots not renewed since `moment`, and what is known of repositories that have none left.

        Returns how many snapshots were deleted.
        """
        repositories = select(digest_snapshots.c.repository)
        async with self._database.write() as connection:
            old = delete(digest_snapshots).where(digest_snapshots.c.checked_at < moment)
            deleted = (await connection.execute(old)).rowcount
            for table, age in (
                (tag_facts, tag_facts.c.seen_at),
                (repository_tags, repository_tags.c.listed_at),
            ):
                unused = table.c.repository.not_in(repositories)
                await connection.execute(delete(table).where(unused, age < moment))
        self.revision += bool(deleted)
        return deleted

    async def last_retention(self) -> RetentionRun | None:
        query = select(retention_runs).where(retention_runs.c.subject == _SNAPSHOTS)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return RetentionRun(row.ran_at, row.deleted, row.duration_ms, row.error) if row else None

    async def record_retention(self, run: RetentionRun) -> None:
        values = {
            "ran_at": run.ran_at,
            "deleted": run.deleted,
            "duration_ms": run.duration_ms,
            "error": run.error,
        }
        async with self._database.write() as connection:
            await connection.execute(
                insert(retention_runs)
                .values(subject=_SNAPSHOTS, **values)
                .on_conflict_do_update(index_elements=["subject"], set_=values)
            )


class _Learning:
    """One look at a repository, stored inside one transaction."""

    def __init__(self, connection: AsyncConnection, reader: SnapshotReader, findings: Findings) -> None:
        self._connection = connection
        self._reader = reader
        self._findings = findings

    async def learn(self) -> bool:
        """Whether any digest has other tags now."""
        before = await _facts(self._connection, self._findings.repository)
        gone = self._gone(before)
        moved = {
            fact.tag: fact
            for fact in self._findings.facts
            if (old := before.get(fact.tag)) is None or old.digest != fact.digest
        }
        await self._store_facts(gone)
        await self._store_listing()
        changed = await self._retract(moved, gone)
        for snapshot in self._findings.snapshots:
            changed = await self._store_snapshot(snapshot) or changed
        return changed or bool(moved) or bool(gone)

    def _gone(self, before: Mapping[str, TagFact]) -> set[str]:
        """What was asked for in vain, and what a tag list that was read just now does not hold."""
        gone = set(self._findings.gone)
        if self._findings.listing is not None:
            gone |= before.keys() - set(self._findings.listing.names)
        return gone - {fact.tag for fact in self._findings.facts}

    async def _store_facts(self, gone: Collection[str]) -> None:
        if gone:
            own = tag_facts.c.repository == self._findings.repository
            for batch in _batches(gone):
                await self._connection.execute(delete(tag_facts).where(own, tag_facts.c.tag.in_(batch)))
        if self._findings.facts:
            statement = insert(tag_facts)
            newest = {name: statement.excluded[name] for name in ("digest", "children", "seen_at")}
            await self._connection.execute(
                statement.on_conflict_do_update(index_elements=["repository", "tag"], set_=newest),
                [_fact_row(fact) for fact in self._findings.facts],
            )

    async def _store_listing(self) -> None:
        listing = self._findings.listing
        if listing is None:
            return
        values = {
            "names": list(listing.names),
            "listed_at": listing.listed_at,
            "complete_at": listing.complete_at,
        }
        await self._connection.execute(
            insert(repository_tags)
            .values(repository=listing.repository, **values)
            .on_conflict_do_update(index_elements=["repository"], set_=values)
        )

    async def _retract(self, moved: Mapping[str, TagFact], gone: Collection[str]) -> bool:
        """A tag that names something else now is taken from the digests that it named before."""
        if not moved and not gone:
            return False
        own = digest_snapshots.c.repository == self._findings.repository
        changed = False
        for snapshot in await self._reader.read(self._connection, own):
            lost = [
                tag
                for tag in snapshot.tags
                if tag in gone or (tag in moved and not moved[tag].names(snapshot.key.digest))
            ]
            if lost:
                kept = tuple(tag for tag in snapshot.tags if tag not in lost)
                former = tuple(dict.fromkeys((*snapshot.former, *lost)))
                changed = await self._store_snapshot(replace(snapshot, tags=kept, former=former))
        return changed

    async def _store_snapshot(self, snapshot: Snapshot) -> bool:
        same_digest = digest_snapshots.c.digest == snapshot.key.digest
        found = await self._reader.read(self._connection, same_digest)
        before = next((one for one in found if one.key == snapshot.key), None)
        known = (*(before.former if before else ()), *snapshot.former, *(before.tags if before else ()))
        former = tuple(tag for tag in dict.fromkeys(known) if tag not in snapshot.tags)
        values = snapshot_row(replace(snapshot, former=former))
        await self._connection.execute(
            insert(digest_snapshots)
            .values(values)
            .on_conflict_do_update(index_elements=["repository", "digest", "platform"], set_=values)
        )
        return before is None or before.tags != snapshot.tags


def _batches(values: Iterable[Key]) -> Iterator[list[Key]]:
    ordered = sorted(set(values))
    return (ordered[first : first + _BATCH] for first in range(0, len(ordered), _BATCH))


async def _facts(connection: AsyncConnection, repository: str) -> dict[str, TagFact]:
    found = await connection.execute(select(tag_facts).where(tag_facts.c.repository == repository))
    return {row.tag: _fact(row) for row in found}


def _fact(row: Row[Any]) -> TagFact:
    children = tuple(Digest(child) for child in row.children)
    return TagFact(row.repository, row.tag, Digest(row.digest), row.seen_at, children)


def _fact_row(fact: TagFact) -> dict[str, object]:
    return {
        "repository": fact.repository,
        "tag": fact.tag,
        "digest": fact.digest,
        "children": list(fact.children),
        "seen_at": fact.seen_at,
    }


def _listing(row: Row[Any]) -> Listing:
    return Listing(row.repository, tuple(row.names), row.listed_at, row.complete_at)

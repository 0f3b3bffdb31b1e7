"""Stores facts about tags, tag lists and snapshots."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, Row, String, Table, Text, delete, func, select

from dockrev.clock import parse_timestamp
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.db.upsert import upsert
from dockrev.oci.digest import Digest
from dockrev.versions.batches import batches
from dockrev.versions.models import (
    DigestKey,
    DigestSnapshot,
    InferenceTask,
    RetentionRun,
    TagFact,
    TagListing,
    VersionKnowledge,
)
from dockrev.versions.observe import Observation, Readers, store_observation
from dockrev.versions.rows import RowReader
from dockrev.versions.tables import (
    digest_snapshots,
    fact_reader,
    listing_reader,
    repository_tags,
    snapshot_reader,
    tag_facts,
)
from dockrev.versions.tasks import forget, inference_tasks, task_reader

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


class VersionStore:
    """`revision` grows with every write that may change the version of a digest."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._facts = fact_reader()
        self._listings = listing_reader()
        self._snapshots = snapshot_reader()
        self._tasks = task_reader()
        self._retention = RowReader(retention_runs, _retention_run)
        self.revision = 0

    async def known(self, digests: Iterable[tuple[str, Digest]]) -> VersionKnowledge:
        """Loads what is stored about pairs of a repository (`ImageRef.repository`) and a digest."""
        keys = set(digests)
        tags: defaultdict[tuple[str, Digest], list[str]] = defaultdict(list)
        snapshots: dict[DigestKey, DigestSnapshot] = {}
        tasks: dict[DigestKey, InferenceTask] = {}
        async with self._database.read() as connection:
            for batch in batches(digest for _, digest in keys):
                for fact in await self._facts.read(connection, tag_facts.c.digest.in_(batch)):
                    tags[(fact.repository, fact.digest)].append(fact.tag)
                for snapshot in await self._snapshots.read(connection, digest_snapshots.c.digest.in_(batch)):
                    snapshots[snapshot.key] = snapshot
                for task in await self._tasks.read(connection, inference_tasks.c.digest.in_(batch)):
                    tasks[task.key] = task
        return VersionKnowledge(
            {key: tuple(names) for key, names in tags.items() if key in keys},
            {key: snapshot for key, snapshot in snapshots.items() if (key.repository, key.digest) in keys},
            {key: task for key, task in tasks.items() if (key.repository, key.digest) in keys},
        )

    async def facts(self, repository: str) -> dict[str, TagFact]:
        """The facts of a repository by tag."""
        async with self._database.read() as connection:
            facts = await self._facts.read(connection, tag_facts.c.repository == repository)
        return {fact.tag: fact for fact in facts}

    async def listing(self, repository: str) -> TagListing | None:
        async with self._database.read() as connection:
            rows = await self._listings.read(connection, repository_tags.c.repository == repository)
        return rows[0] if rows else None

    async def unknown_tags(self) -> dict[str, int]:
        """The number of tags with an unknown digest, by repository. Skips repositories without a tag list."""
        counting = select(tag_facts.c.repository, func.count().label("known")).group_by(
            tag_facts.c.repository
        )
        async with self._database.read() as connection:
            listings = await self._listings.read(connection)
            known = {row.repository: row.known for row in await connection.execute(counting)}
        damaged = {repository for repository, _ in self._facts.unreadable}
        return {
            listing.repository: 0
            if listing.complete_at and listing.repository not in damaged
            else max(1, len(listing.names) - known.get(listing.repository, 0))
            for listing in listings
        }

    async def snapshot(self, key: DigestKey) -> DigestSnapshot | None:
        async with self._database.read() as connection:
            snapshots = await self._snapshots.read(connection, digest_snapshots.c.digest == key.digest)
        return next((snapshot for snapshot in snapshots if snapshot.key == key), None)

    async def snapshots(self) -> list[DigestSnapshot]:
        async with self._database.read() as connection:
            return await self._snapshots.read(connection)

    async def learn(self, observation: Observation, done: DigestKey | None = None) -> TagListing | None:
        """Stores the observation and ends the task `done` in one transaction.

        Returns the tag list that is stored now. Once the list is complete, the stored snapshots name all tags
        of their digests.
        """
        readers = Readers(self._facts, self._listings, self._snapshots)
        async with self._database.write() as connection:
            result = await store_observation(connection, readers, observation)
            if done is not None:
                await forget(connection, done)
        self.revision += result.changed
        return result.listing

    async def delete_before(self, moment: datetime) -> int:
        """Deletes snapshots older than `moment`, and old facts of repositories without snapshots.

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
        async with self._database.read() as connection:
            runs = await self._retention.read(connection, retention_runs.c.subject == _SNAPSHOTS)
        return runs[0] if runs else None

    async def record_retention(self, run: RetentionRun) -> None:
        row = {
            "subject": _SNAPSHOTS,
            "ran_at": run.ran_at,
            "deleted": run.deleted,
            "duration_ms": run.duration_ms,
            "error": run.error,
        }
        async with self._database.write() as connection:
            await upsert(connection, retention_runs, [row])


def _retention_run(row: Row[Any]) -> RetentionRun:
    return RetentionRun(parse_timestamp(row.ran_at), int(row.deleted), int(row.duration_ms), row.error)

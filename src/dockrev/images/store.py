"""Stores tags and manifests. Only this file has SQL for these tables."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, Row, String, Table, Text, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import Clock
from dockrev.db.database import Database, after_commit
from dockrev.db.schema import Moment, metadata
from dockrev.db.upsert import upsert
from dockrev.images.models import CheckError, ImageFacts, TagState
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child
from dockrev.oci.platform import Platform

image_tags = Table(
    "image_tags",
    metadata,
    Column("repository", String, primary_key=True),
    Column("tag", String, primary_key=True),
    Column("digest", String),
    Column("checked_at", Moment),
    Column("error_code", String),
    Column("error_message", Text),
    Column("error_at", Moment),
    Column("retry_at", Moment),
    Column("digest_since", Moment),
    Index(None, "retry_at"),
)

manifests = Table(
    "manifests",
    metadata,
    Column("digest", String, primary_key=True),
    Column("children", JSON, nullable=False),
    Column("learned_at", Moment, nullable=False),
)


class ImageStore:
    """`revision` grows after every write, so a reader can tell whether anything changed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.revision = 0

    async def tags(self) -> dict[tuple[str, str], TagState]:
        async with self._database.read() as connection:
            states = [_tag_state(row) for row in await connection.execute(select(image_tags))]
        return {state.key: state for state in states}

    async def tags_of(self, repository: str) -> list[TagState]:
        query = select(image_tags).where(image_tags.c.repository == repository)
        async with self._database.read() as connection:
            return [_tag_state(row) for row in await connection.execute(query)]

    async def facts(self, digests: Collection[Digest]) -> dict[Digest, ImageFacts]:
        """The stored facts of these digests. The store never deletes facts."""
        query = select(manifests).where(manifests.c.digest.in_(digests))
        async with self._database.read() as connection:
            stored = [_facts(row) for row in await connection.execute(query)]
        return {facts.digest: facts for facts in stored}

    async def stored_digests(self) -> set[Digest]:
        async with self._database.read() as connection:
            return {Digest(digest) for digest in await connection.scalars(select(manifests.c.digest))}

    async def first_retry(self) -> datetime | None:
        """The earliest time at which a registry that limits requests allows them again."""
        query = select(image_tags.c.retry_at).where(image_tags.c.retry_at.is_not(None))
        async with self._database.read() as connection:
            return await connection.scalar(query.order_by(image_tags.c.retry_at).limit(1))

    async def record(
        self, connection: AsyncConnection, states: Sequence[TagState], facts: Iterable[ImageFacts]
    ) -> None:
        """Runs in the caller's transaction."""
        after_commit(connection, self._changed)
        rows = [_facts_row(fact, self._clock.now()) for fact in facts]
        await upsert(connection, manifests, rows, update=())
        await upsert(connection, image_tags, [_tag_row(state) for state in states])

    async def forget(self, connection: AsyncConnection, keys: Collection[tuple[str, str]]) -> None:
        """Deletes tags that no service uses. Runs in the caller's transaction."""
        after_commit(connection, self._changed)
        for repository, tag in keys:
            same_tag = (image_tags.c.repository == repository) & (image_tags.c.tag == tag)
            await connection.execute(delete(image_tags).where(same_tag))

    def _changed(self) -> None:
        self.revision += 1


def _tag_state(row: Row[Any]) -> TagState:
    error = None
    if row.error_code is not None:
        error = CheckError(row.error_code, row.error_message, row.error_at, row.retry_at)
    digest = Digest(row.digest) if row.digest else None
    return TagState(row.repository, row.tag, digest, row.checked_at, error, row.digest_since)


def _tag_row(state: TagState) -> dict[str, object]:
    error = state.error
    return {
        "repository": state.repository,
        "tag": state.tag,
        "digest": state.digest,
        "checked_at": state.checked_at,
        "error_code": error.code if error else None,
        "error_message": error.message if error else None,
        "error_at": error.at if error else None,
        "retry_at": error.retry_at if error else None,
        "digest_since": state.digest_since,
    }


def _facts(row: Row[Any]) -> ImageFacts:
    children = (Child(Platform.parse(platform), Digest(digest)) for platform, digest in row.children)
    return ImageFacts(Digest(row.digest), tuple(children))


def _facts_row(facts: ImageFacts, now: datetime) -> dict[str, object]:
    children = [[str(child.platform), child.digest] for child in facts.children]
    return {"digest": facts.digest, "children": children, "learned_at": now}

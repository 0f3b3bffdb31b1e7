"""Stores ignore rules."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Row, String, Table, Text, delete, insert, select
from sqlalchemy.exc import IntegrityError

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.errors import InvalidArgument
from dockrev.ids import IdPrefix, new_id
from dockrev.ignores.models import IgnoreRule, MatchKind

ignore_rules = Table(
    "ignore_rules",
    metadata,
    Column("id", String, primary_key=True),
    Column("service_id", String, ForeignKey("services.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("enabled", Boolean, nullable=False),
    Column("kind", String, nullable=False),
    Column("value", Text, nullable=False),
    Column("note", Text),
    Column("created_at", Moment, nullable=False),
)


class IgnoreStore:
    """`revision` grows after every write, so a reader can tell whether anything changed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.revision = 0

    async def all(self) -> list[IgnoreRule]:
        """Returns all rules, the newest first."""
        query = select(ignore_rules).order_by(ignore_rules.c.created_at.desc(), ignore_rules.c.id.desc())
        async with self._database.read() as connection:
            return [_rule(row) for row in await connection.execute(query)]

    async def by_service(self) -> Mapping[str, Sequence[IgnoreRule]]:
        """Returns the rules by the id of their service, the newest first."""
        grouped: dict[str, list[IgnoreRule]] = defaultdict(list)
        for rule in await self.all():
            grouped[rule.service_id].append(rule)
        return dict(grouped)

    async def add(
        self, service_id: str, kind: MatchKind, value: str, note: str | None, *, enabled: bool
    ) -> IgnoreRule:
        """Raises InvalidArgument when the service does not exist."""
        rule = IgnoreRule(
            new_id(IdPrefix.IGNORE_RULE), service_id, enabled, kind, value, note, self._clock.now()
        )
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(ignore_rules).values(_row(rule)))
        except IntegrityError as error:
            raise InvalidArgument(
                "there is no such service", {"field": "scope.serviceId", "value": service_id}
            ) from error
        self.revision += 1
        return rule

    async def remove(self, rule_id: str) -> bool:
        """Returns whether the rule existed."""
        async with self._database.write() as connection:
            deleted = await connection.execute(delete(ignore_rules).where(ignore_rules.c.id == rule_id))
        if deleted.rowcount:
            self.revision += 1
        return deleted.rowcount > 0


def _rule(row: Row[Any]) -> IgnoreRule:
    return IgnoreRule(
        row.id, row.service_id, row.enabled, MatchKind(row.kind), row.value, row.note, row.created_at
    )


def _row(rule: IgnoreRule) -> dict[str, object]:
    return {
        "id": rule.id,
        "service_id": rule.service_id,
        "enabled": rule.enabled,
        "kind": rule.kind.value,
        "value": rule.value,
        "note": rule.note,
        "created_at": rule.created_at,
    }

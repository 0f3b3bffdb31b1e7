"""Rules of older releases that match nothing any more. Only their operator knows what they were for."""

import structlog

from dockrev.ignores.store import IgnoreStore
from dockrev.ignores.values import fault

log = structlog.get_logger()


async def log_invalid_rules(store: IgnoreStore) -> None:
    """One warning for each; `GET /api/ignores` says the same for as long as the rule is there."""
    for rule in await store.all():
        if problem := fault(rule.kind, rule.value):
            log.warning(
                "An ignore rule matches nothing; delete it, and write it anew",
                action="ignores.unfit",
                rule=rule.id,
                kind=rule.kind.value,
                problem=problem,
            )

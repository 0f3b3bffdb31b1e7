"""Logs rules of older releases that cannot match anything now. Only the operator can repair them."""

import structlog

from dockrev.ignores.store import IgnoreStore
from dockrev.ignores.values import fault

log = structlog.get_logger()


async def log_invalid_rules(store: IgnoreStore) -> None:
    """Logs one warning for each rule. `GET /api/ignores` shows the same problem."""
    for rule in await store.all():
        if problem := fault(rule.kind, rule.value):
            log.warning(
                "An ignore rule matches nothing: delete it and create a new one",
                action="ignores.invalid",
                rule=rule.id,
                kind=rule.kind.value,
                problem=problem,
            )

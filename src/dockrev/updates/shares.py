"""How far an update of a stack is, between 0 and 1, as the API's contract divides it. No I/O.

Looking at all services first is one part, the backup is a moment, and the services share the rest evenly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dockrev.updates.models import Step

BACKUP_SHARE = 0.08
_APPLY_FROM, _APPLY_SHARE = 0.15, 0.80
_PULL_FROM, _PULL_TO = 0.08, 0.50
_PREPARED: Mapping[Step, float] = {Step.RECORD: 0.5, Step.PREFLIGHT: 1.0}
_APPLIED: Mapping[Step, float] = {
    Step.PULL: 0.52,
    Step.TAG: 0.60,
    Step.APPLY: 0.82,
    Step.VERIFY: 0.90,
    Step.PROVE: 0.95,
    Step.SETTLE: 1.0,
    Step.ROLLBACK: 1.0,
}


class Phase(StrEnum):
    PREPARE = "prepare"
    BACKUP = "backup"
    APPLY = "apply"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Share:
    phase: Phase
    fraction: float


@dataclass(frozen=True, slots=True)
class Place:
    """A service among those of its stack that are updated."""

    index: int
    services: int

    def done(self, step: Step) -> Share:
        if step in _PREPARED:
            return Share(Phase.PREPARE, BACKUP_SHARE * self._of_all(_PREPARED[step]))
        return self._applied(_APPLIED[step])

    def pulling(self, done_bytes: int, total_bytes: int) -> Share:
        part = done_bytes / total_bytes if total_bytes else 0.0
        return self._applied(_PULL_FROM + (_PULL_TO - _PULL_FROM) * part)

    def _applied(self, within: float) -> Share:
        return Share(Phase.APPLY, _APPLY_FROM + _APPLY_SHARE * self._of_all(within))

    def _of_all(self, within: float) -> float:
        return (self.index + within) / self.services

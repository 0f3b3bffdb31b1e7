"""The progress of the update of a stack, from 0 to 1. No I/O.

The API's contract defines the shares: first all services are prepared, then the backup is made, and the
services share the rest evenly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dockrev.replacement.steps import CHANGING_STEPS, PREPARING_STEPS, PULL, ROLLBACK

BACKUP_SHARE = 0.08
_CHANGE_FROM, _CHANGE_SHARE = 0.15, 0.80
_PULL_FROM, _PULL_TO = 0.08, PULL.share - 0.02
_PREPARED: Mapping[str, float] = {step.name: step.share for step in PREPARING_STEPS}
_CHANGED: Mapping[str, float] = {**{step.name: step.share for step in CHANGING_STEPS}, ROLLBACK: 1.0}


class UpdatePhase(StrEnum):
    PREPARE = "prepare"
    BACKUP = "backup"
    APPLY = "apply"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class StepProgress:
    phase: UpdatePhase
    fraction: float


@dataclass(frozen=True, slots=True)
class ServicePosition:
    """The position of a service among the `services` that its stack updates. The first has index 0."""

    index: int
    services: int

    def done(self, step: str) -> StepProgress:
        if step in _PREPARED:
            return StepProgress(UpdatePhase.PREPARE, BACKUP_SHARE * self._of_all(_PREPARED[step]))
        return self._changed(_CHANGED[step])

    def pulling(self, done_bytes: int, total_bytes: int) -> StepProgress:
        part = done_bytes / total_bytes if total_bytes else 0.0
        return self._changed(_PULL_FROM + (_PULL_TO - _PULL_FROM) * part)

    def _changed(self, share: float) -> StepProgress:
        return StepProgress(UpdatePhase.APPLY, _CHANGE_FROM + _CHANGE_SHARE * self._of_all(share))

    def _of_all(self, share: float) -> float:
        return (self.index + share) / self.services

"""What a check asks and what it found."""

from dataclasses import dataclass, field
from datetime import datetime

from dockrev.images.models import CheckError
from dockrev.images.resolve import Question
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.stacks.models import Service
from dockrev.stacks.update_state import Candidate


@dataclass(frozen=True, slots=True)
class PlannedQuestion:
    """One question to a registry and the services that wait for its answer."""

    question: Question
    services: tuple[Service, ...]


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """`unasked`: services whose image is not a matter for a registry."""

    questions: tuple[PlannedQuestion, ...]
    unasked: tuple[Service, ...]

    @property
    def services(self) -> int:
        return len(self.unasked) + sum(len(planned.services) for planned in self.questions)


@dataclass(frozen=True, slots=True)
class CheckStep:
    """How far a check is. `target` is the service that was started or answered last."""

    started: int
    answered: int
    total: int
    target: Service | None = None


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A candidate that this check was the first to see."""

    service: Service
    tag: str
    current: Digest | None
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Unanswered:
    service: Service
    error: CheckError


@dataclass(frozen=True, slots=True)
class Deferral:
    """A registry that asked for silence, and how many services wait for the end of it."""

    registry: str
    until: datetime
    services: int


@dataclass(frozen=True, slots=True)
class CheckReport:
    host: Platform
    services: int
    checked: int
    skipped: int
    """Services that are not a matter for a registry."""
    with_candidate: int
    new_versions: tuple[NewVersion, ...] = ()
    failed: tuple[Unanswered, ...] = ()
    deferred: tuple[Unanswered, ...] = ()
    deferrals: tuple[Deferral, ...] = field(default=())

"""The questions and the results of a check."""

from dataclasses import dataclass, field
from datetime import datetime

from dockrev.images.models import CheckError
from dockrev.images.resolve import TagQuestion
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.stacks.models import Service
from dockrev.stacks.update_state import Candidate


@dataclass(frozen=True, slots=True)
class PlannedQuestion:
    """A question to a registry, and the services that need the answer."""

    question: TagQuestion
    services: tuple[Service, ...]


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """`unasked`: services that need no question to a registry, such as local builds.

    `tags_in_use`: the repository and tag of every service that a check can ask about.
    """

    questions: tuple[PlannedQuestion, ...]
    unasked: tuple[Service, ...]
    tags_in_use: frozenset[tuple[str, str]] = frozenset()

    @property
    def services(self) -> int:
        return len(self.unasked) + sum(len(planned.services) for planned in self.questions)


@dataclass(frozen=True, slots=True)
class CheckStep:
    """The progress of a check. `target` is the service that was started or answered last."""

    started: int
    answered: int
    total: int
    target: Service | None = None


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A candidate that no check saw before this one."""

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
    """A registry that allows no request before `until`, and the number of services that wait for it."""

    registry: str
    until: datetime
    services: int


@dataclass(frozen=True, slots=True)
class CheckReport:
    platforms: tuple[Platform, ...]
    """The platforms of the hosts whose services were checked."""
    services: int
    checked: int
    skipped: int
    """The number of services that need no question to a registry."""
    with_candidate: int
    new_versions: tuple[NewVersion, ...] = ()
    failed: tuple[Unanswered, ...] = ()
    deferred: tuple[Unanswered, ...] = ()
    deferrals: tuple[Deferral, ...] = field(default=())

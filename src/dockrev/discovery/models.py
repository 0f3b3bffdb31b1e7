"""The Compose projects that discovery finds and stores, and the results of scans."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from dockrev.errors import Json
from dockrev.projects.labels import UnusableProject
from dockrev.stacks.models import ObservedStack


class ProjectStatus(StrEnum):
    ACTIVE = "active"
    MISSING = "missing"
    """The project has no container left."""
    INVALID = "invalid"
    """The project has containers, but its Compose files cannot be used."""


@dataclass(frozen=True, slots=True)
class DiscoveredProject:
    host_id: str
    project: str
    status: ProjectStatus
    stack_id: str | None
    config_files: tuple[str, ...] | None
    last_seen_at: datetime | None
    last_scan_at: datetime
    last_error: str | None
    archived: bool


@dataclass(frozen=True, slots=True)
class ProjectState:
    """A project that has containers. None in a field keeps the stored value, except in `last_error`."""

    project: str
    status: ProjectStatus
    stack_id: str | None
    config_files: tuple[str, ...] | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class UsableProject:
    """A project with its effective configuration. `warning` starts with `warning:`."""

    stack: ObservedStack
    warning: str | None = None
    details: Mapping[str, Json] = field(default_factory=dict)

    @property
    def project(self) -> str:
        return self.stack.project


ReadProject = UsableProject | UnusableProject


class ActionKind(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    FAILED = "failed"
    MARKED_MISSING = "marked_missing"


@dataclass(frozen=True, slots=True)
class Action:
    project: str
    kind: ActionKind
    stack_id: str | None = None
    reason: str | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScanResult:
    """`actions` has one action for each project, sorted by name."""

    started_at: datetime
    duration_ms: int
    projects_seen: int
    actions: tuple[Action, ...]

    @property
    def problems(self) -> Mapping[str, str]:
        """Why the projects of these stacks are unusable, by the id of the stack."""
        failed = (action for action in self.actions if action.kind is ActionKind.FAILED)
        return {action.stack_id: action.reason or "" for action in failed if action.stack_id}

    def count(self, kind: ActionKind) -> int:
        return sum(action.kind is kind for action in self.actions)

"""The rows of a check, for people and for scripts. No I/O."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dockrev.errors import InvalidArgument, Json
from dockrev.oci.digest import Digest
from dockrev.stacks.models import Service, Stack
from dockrev.stacks.update_state import ArchMatch
from dockrev.stacks.views import ServiceView, StackView
from dockrev.versions.tags import is_strict_semver
from dockrev.wording import counted


class RowStatus(StrEnum):
    UPDATE = "update"
    ELSEWHERE = "elsewhere"
    """The tag names a new image, but not for this host's platform."""
    IGNORED = "ignored"
    """The tag names a new image, and an ignore rule silences it."""
    CURRENT = "current"
    UNCHECKED = "unchecked"
    UNKNOWN = "unknown"
    FAILED = "failed"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class Row:
    """`available` is None unless the tag names an image that differs from the running one."""

    stack: str
    service: str
    image: str
    tag: str
    running: Digest | None
    running_version: str | None
    available: Digest | None
    available_version: str | None
    platforms: tuple[str, ...]
    host_platform: str
    status: RowStatus
    note: str

    def as_json(self) -> dict[str, Json]:
        return {
            "stack": self.stack,
            "service": self.service,
            "image": self.image,
            "tag": self.tag,
            "running": self.running,
            "runningVersion": self.running_version,
            "available": self.available,
            "availableVersion": self.available_version,
            "platforms": list(self.platforms),
            "hostPlatform": self.host_platform,
            "status": self.status.value,
            "note": self.note,
        }


def rows_of(stack_views: Iterable[StackView], selected: Iterable[Service]) -> list[Row]:
    """The rows are sorted by stack and service. Services that were removed from their project have no row."""
    selected_ids = {service.id for service in selected}
    return [
        _row(stack, view)
        for stack in sorted(stack_views, key=lambda stack: stack.stack.name)
        for view in stack.services
        if view.service.id in selected_ids and not view.service.removed
    ]


def _row(stack: StackView, view: ServiceView) -> Row:
    state = view.state
    candidate = state.candidate
    return Row(
        stack=stack.stack.name,
        service=view.service.name,
        image=view.service.image_ref or "(built here)",
        tag=state.tag,
        running=state.digest if view.service.runtime.digests else None,
        running_version=_running_version(view),
        available=candidate.digest if candidate else None,
        available_version=view.version.candidate[0] if candidate and view.version.candidate else None,
        platforms=tuple(str(platform) for platform in candidate.platforms) if candidate else (),
        host_platform=str(stack.platform),
        status=_status(view),
        note=_note(view),
    )


def _running_version(view: ServiceView) -> str | None:
    """Ends with a question mark when the version comes from a label of the image and no tag proves it."""
    if not view.service.runtime.digests:
        return None
    if view.version.resolved_tag:
        return view.version.resolved_tag
    label, tag = view.version.label, view.state.tag
    return f"{label}?" if label and label != tag and not is_strict_semver(tag) else None


def _status(view: ServiceView) -> RowStatus:
    state = view.state
    if state.check_error:
        return RowStatus.DEFERRED if state.check_error.deferred else RowStatus.FAILED
    if state.unchecked:
        return RowStatus.UNCHECKED
    if state.candidate:
        if view.ignored_by:
            return RowStatus.IGNORED
        mismatch = state.candidate.arch_match is ArchMatch.MISMATCH
        return RowStatus.ELSEWHERE if mismatch else RowStatus.UPDATE
    return RowStatus.CURRENT if view.service.runtime.digests else RowStatus.UNKNOWN


def _note(view: ServiceView) -> str:
    state, runtime = view.state, view.service.runtime
    notes = []
    if state.check_error:
        notes.append(state.check_error.message)
    elif state.unchecked:
        notes.append(state.unchecked.value)
    if state.candidate and state.candidate.arch_match is ArchMatch.MISMATCH:
        notes.append("not offered for this host's platform")
    if view.ignored_by:
        rule = view.ignored_by.rule
        notes.append(f'ignored by the rule {rule.kind} "{rule.value}"')
    if runtime.total and not runtime.running:
        notes.append("stopped")
    elif runtime.total and not runtime.digests and not state.unchecked:
        notes.append("the running image did not come from this registry")
    if len(runtime.images) > 1:
        notes.append("containers run different images")
    return "; ".join(notes)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a project that the operator should see. `fatal`: the project could not be checked."""

    project: str
    text: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.project}: {self.text}"


@dataclass(frozen=True, slots=True)
class Selection:
    services: list[Service]
    projects: frozenset[str]


def select(stacks: Sequence[Stack], projects: Collection[str], names: Sequence[str]) -> Selection:
    """Selects services by project, by `project/service` or by service name. Without names, selects all.

    `projects` are the projects on this host. Some have no stack, because their files cannot be read.
    Raises InvalidArgument for a name that no project and no service has.
    """
    present = [(stack, service) for stack in stacks for service in stack.services if not service.removed]
    if not names:
        return Selection([service for _, service in present], frozenset(projects))
    selected: dict[str, Service] = {}
    selected_projects: set[str] = set()
    for name in names:
        matches = [(stack, service) for stack, service in present if name in _names(stack, service)]
        if not matches and name not in projects:
            listed = ", ".join(sorted(projects)) or "none"
            raise InvalidArgument(f"no project or service is called {name!r} (projects found: {listed})")
        selected |= {service.id: service for _, service in matches}
        selected_projects |= {stack.name for stack, _ in matches} | ({name} & set(projects))
    return Selection(list(selected.values()), frozenset(selected_projects))


def _names(stack: Stack, service: Service) -> tuple[str, str, str]:
    return (stack.name, service.name, f"{stack.name}/{service.name}")


def exit_code(rows: Iterable[Row], problems: Iterable[Problem] = ()) -> int:
    """0: no update waits. 1: updates wait. 2: an answer is missing, so the list may be incomplete."""
    statuses = {row.status for row in rows}
    if statuses & {RowStatus.FAILED, RowStatus.DEFERRED} or any(problem.fatal for problem in problems):
        return 2
    return 1 if RowStatus.UPDATE in statuses else 0


def summary_of(rows: Sequence[Row], problems: Sequence[Problem] = ()) -> str:
    counts = {status: sum(row.status is status for row in rows) for status in RowStatus}
    parts = [counted(len(rows), "service"), f"{counts[RowStatus.UPDATE]} with an update waiting"]
    for status, words in (
        (RowStatus.ELSEWHERE, "with one for other platforms only"),
        (RowStatus.IGNORED, "with one that a rule ignores"),
        (RowStatus.FAILED, "could not be checked"),
        (RowStatus.DEFERRED, "deferred by their registry"),
        (RowStatus.UNCHECKED, "not checked"),
    ):
        if counts[status]:
            parts.append(f"{counts[status]} {words}")
    unreadable = sum(problem.fatal for problem in problems)
    if unreadable:
        parts.append(f"{counted(unreadable, 'project')} could not be read")
    return ", ".join(parts)

"""The lines of a check, as people and scripts read them. No I/O."""

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
    """Its tag moved, but not for this host's platform."""
    IGNORED = "ignored"
    """Its tag moved, and an ignore rule silences that."""
    CURRENT = "current"
    UNCHECKED = "unchecked"
    UNKNOWN = "unknown"
    FAILED = "failed"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class Row:
    """`running` and `available` are digests; `available` only when an update waits."""

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
    """The selected services by stack and name; those that left their project are not shown."""
    wanted = {service.id for service in selected}
    rows = (
        _row(stack, one)
        for stack in sorted(stack_views, key=lambda stack: stack.stack.name)
        for one in stack.services
        if one.service.id in wanted and not one.service.removed
    )
    return list(rows)


def _row(stack: StackView, one: ServiceView) -> Row:
    state = one.state
    candidate = state.candidate
    return Row(
        stack=stack.stack.name,
        service=one.service.name,
        image=one.service.image_ref or "(built here)",
        tag=state.tag,
        running=state.digest if one.service.runtime.digests else None,
        running_version=_running_version(one),
        available=candidate.digest if candidate else None,
        available_version=one.version.candidate[0] if candidate and one.version.candidate else None,
        platforms=tuple(str(platform) for platform in candidate.platforms) if candidate else (),
        host_platform=str(stack.platform),
        status=_status(one),
        note=_note(one),
    )


def _running_version(one: ServiceView) -> str | None:
    """With a question mark when only the image itself says so."""
    if not one.service.runtime.digests:
        return None
    if one.version.resolved_tag:
        return one.version.resolved_tag
    label, tag = one.version.label, one.state.tag
    return f"{label}?" if label and label != tag and not is_strict_semver(tag) else None


def _status(one: ServiceView) -> RowStatus:
    state = one.state
    if state.check_error:
        return RowStatus.DEFERRED if state.check_error.deferred else RowStatus.FAILED
    if state.unchecked:
        return RowStatus.UNCHECKED
    if state.candidate:
        if one.ignored_by:
            return RowStatus.IGNORED
        mismatch = state.candidate.arch_match is ArchMatch.MISMATCH
        return RowStatus.ELSEWHERE if mismatch else RowStatus.UPDATE
    return RowStatus.CURRENT if one.service.runtime.digests else RowStatus.UNKNOWN


def _note(one: ServiceView) -> str:
    state, runtime = one.state, one.service.runtime
    notes = []
    if state.check_error:
        notes.append(state.check_error.message)
    elif state.unchecked:
        notes.append(state.unchecked.value)
    if state.candidate and state.candidate.arch_match is ArchMatch.MISMATCH:
        notes.append("not offered for this host's platform")
    if one.ignored_by:
        rule = one.ignored_by.rule
        notes.append(f'ignored by the rule {rule.kind} "{rule.value}"')
    if runtime.total and not runtime.running:
        notes.append("stopped")
    elif runtime.total and not runtime.digests and not state.unchecked:
        notes.append("what runs did not come from this registry")
    if len(runtime.images) > 1:
        notes.append("containers run different images")
    return "; ".join(notes)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a project that the operator should see. `fatal`: nothing of it could be checked."""

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
    """Services by project, by `project/service` or by service name; all of them without names.

    `projects`: those that are here, also the ones whose files cannot be read and that so have no stack.
    Raises InvalidArgument for a name that fits nothing.
    """
    every = [(stack, service) for stack in stacks for service in stack.services if not service.removed]
    if not names:
        return Selection([service for _, service in every], frozenset(projects))
    chosen: dict[str, Service] = {}
    touched: set[str] = set()
    for name in names:
        found = [(stack, service) for stack, service in every if name in _names(stack, service)]
        if not found and name not in projects:
            known = ", ".join(sorted(projects)) or "none"
            raise InvalidArgument(f"no project or service is called {name!r} (projects found: {known})")
        chosen |= {service.id: service for _, service in found}
        touched |= {stack.name for stack, _ in found} | ({name} & set(projects))
    return Selection(list(chosen.values()), frozenset(touched))


def _names(stack: Stack, service: Service) -> tuple[str, str, str]:
    return (stack.name, service.name, f"{stack.name}/{service.name}")


def exit_code(rows: Iterable[Row], problems: Iterable[Problem] = ()) -> int:
    """0: nothing waits, 1: updates wait, 2: some answer is missing, so the list may be incomplete."""
    statuses = {row.status for row in rows}
    if statuses & {RowStatus.FAILED, RowStatus.DEFERRED} or any(one.fatal for one in problems):
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
    unreadable = sum(one.fatal for one in problems)
    if unreadable:
        parts.append(f"{counted(unreadable, 'project')} could not be read")
    return ", ".join(parts)

"""Which of the named services are to be updated, and what became of them, in words. No I/O."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dockrev.errors import Json
from dockrev.jobs.models import BackupMode, JobTarget, Reason, Scope
from dockrev.oci.digest import Digest
from dockrev.replacement.outcome import ServiceStatus
from dockrev.stacks.models import Service
from dockrev.stacks.updatable import refusals
from dockrev.stacks.update_state import Candidate
from dockrev.stacks.views import StackView
from dockrev.updates.models import ApprovedTarget, UpdateMode, UpdateRequest


@dataclass(frozen=True, slots=True)
class Chosen:
    """A service that will be updated, and to what."""

    stack: str
    service: Service
    candidate: Candidate

    @property
    def name(self) -> str:
        return f"{self.stack}/{self.service.name}"


@dataclass(frozen=True, slots=True)
class Selection:
    """`left_out`: sentences for updates that wait and will not be made; `unanswered`: for services of which
    the registry said nothing.
    """

    chosen: tuple[Chosen, ...]
    left_out: tuple[str, ...]
    unanswered: tuple[str, ...]


def choose(
    stacks: Iterable[StackView], selected: Iterable[Service], names: Collection[str] = ()
) -> Selection:
    """`names`: as the operator wrote them. `project/service` overrules an archive mark and an ignore rule."""
    selected_ids = {service.id for service in selected}
    chosen, left_out, unanswered = [], [], []
    for stack in stacks:
        for one in stack.services:
            if one.service.id not in selected_ids:
                continue
            name, candidate = f"{stack.stack.name}/{one.service.name}", one.state.candidate
            blockers = refusals(one.blockers, by_name=name in names, allow_arch_mismatch=False)
            if one.state.check_error:
                unanswered.append(f"{name} is left alone: {one.state.check_error.message}")
            elif candidate and blockers:
                left_out.append(f"{name} is left alone: {blockers[0].text}")
            elif candidate:
                chosen.append(Chosen(stack.stack.name, one.service, candidate))
    return Selection(tuple(chosen), tuple(left_out), tuple(unanswered))


def request_for(chosen: Sequence[Chosen], *, dry_run: bool) -> UpdateRequest:
    """The smallest target that has all of them."""
    stack_ids = {one.service.stack_id for one in chosen}
    if len(chosen) == 1:
        target = JobTarget(Scope.SERVICE, chosen[0].service.stack_id, chosen[0].service.id)
    elif len(stack_ids) == 1:
        target = JobTarget(Scope.STACK, stack_ids.pop())
    else:
        target = JobTarget(Scope.ALL)
    return UpdateRequest(
        target=target,
        approved=tuple(
            ApprovedTarget(one.service.id, one.candidate.tag, one.candidate.digest) for one in chosen
        ),
        mode=UpdateMode.DRY_RUN if dry_run else UpdateMode.APPLY,
        allow_arch_mismatch=False,
        backup_mode=BackupMode.INHERIT,
        reason=Reason.UI,
        partial=True,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one service; `good` also when there was nothing to do."""

    line: str
    good: bool


def outcomes_of(summary: Mapping[str, Json], projects: Mapping[str, str]) -> list[Told]:
    """From the summary of an update job; `projects` by the id of their stack."""
    stacks: Any = summary.get("stacks", ())
    dry_run = summary.get("mode") == UpdateMode.DRY_RUN.value
    return [
        _told(projects.get(stack["stackId"], stack["stackId"]), service, dry_run=dry_run)
        for stack in stacks
        for service in stack["services"]
    ]


def _told(project: str, outcome: Mapping[str, Any], *, dry_run: bool) -> Told:
    status = ServiceStatus(outcome["status"])
    name = f"{project}/{outcome['serviceName']}"
    size = outcome.get("bytesToDownload")
    if dry_run and size is not None:
        return Told(f"{name}: would be updated, at most {size / 1e6:.1f} MB to download", good=True)
    details = [*_images(outcome, status), *_reason(outcome)]
    words = status.value.replace("_", " ")
    return Told(f"{name}: {words}{': ' if details else ''}{'; '.join(details)}", good=not status.went_wrong)


def _images(outcome: Mapping[str, Any], status: ServiceStatus) -> list[str]:
    old, new = outcome.get("oldImageId"), outcome.get("newImageId")
    if status is not ServiceStatus.UPDATED or not old or not new:
        return []
    return [f"image {Digest(old).short} -> {Digest(new).short}"]


def _reason(outcome: Mapping[str, Any]) -> list[str]:
    reason, step = outcome.get("reason"), outcome.get("step")
    if not reason:
        return []
    return [f"{reason} (step {step})" if step else str(reason)]


def exit_code(told: Collection[Told], *, complete: bool) -> int:
    """0: all is as it should be, 1: something was rolled back or failed, 2: not all could be asked about."""
    if not complete:
        return 2
    return 0 if all(one.good for one in told) else 1

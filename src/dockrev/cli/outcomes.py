"""Chooses which of the named services to update, and describes the results. No I/O."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dockrev.blockers import Blocker
from dockrev.jobs.models import BackupMode, JobTarget, Reason, Scope
from dockrev.oci.digest import Digest
from dockrev.replacement.outcome import ServiceStatus
from dockrev.stacks.models import Service
from dockrev.stacks.updatable import refusals
from dockrev.stacks.update_state import Candidate
from dockrev.stacks.views import StackView
from dockrev.updates.documents import ServiceUpdateResult, UpdateSummary
from dockrev.updates.models import ApprovedTarget, UpdateMode, UpdateRequest


@dataclass(frozen=True, slots=True)
class Chosen:
    """A service that will be updated to its candidate."""

    stack: str
    service: Service
    candidate: Candidate

    @property
    def name(self) -> str:
        return f"{self.stack}/{self.service.name}"


@dataclass(frozen=True, slots=True)
class UpdateSelection:
    """`left_out` has a sentence for each waiting update that will not be made, and for each service that the
    operator named as `project/service` and that cannot be updated. `unanswered` has one for each service
    whose registry gave no answer.
    """

    chosen: tuple[Chosen, ...]
    left_out: tuple[str, ...]
    unanswered: tuple[str, ...]


def choose(
    stacks: Iterable[StackView], selected: Iterable[Service], names: Collection[str] = ()
) -> UpdateSelection:
    """`names` are as the operator typed them. `project/service` overrules an archive mark or ignore rule."""
    selected_ids = {service.id for service in selected}
    chosen, left_out, unanswered = [], [], []
    for stack in stacks:
        for view in stack.services:
            if view.service.id not in selected_ids:
                continue
            name, candidate = f"{stack.stack.name}/{view.service.name}", view.state.candidate
            named = name in names
            blockers = refusals(view.blockers, by_name=named, allow_arch_mismatch=False)
            if view.state.check_error:
                unanswered.append(f"{name} is left alone: {view.state.check_error.message}")
            elif blockers and (candidate or named):
                left_out.append(f"{name} is left alone: {_sentence(blockers[0])}")
            elif candidate:
                chosen.append(Chosen(stack.stack.name, view.service, candidate))
    return UpdateSelection(tuple(chosen), tuple(left_out), tuple(unanswered))


def _sentence(blocker: Blocker) -> str:
    return f"{blocker.text}. {blocker.remedy}" if blocker.remedy else blocker.text


def request_for(chosen: Sequence[Chosen], *, dry_run: bool) -> UpdateRequest:
    """The request names the smallest target that contains all chosen services."""
    stack_ids = {choice.service.stack_id for choice in chosen}
    if len(chosen) == 1:
        target = JobTarget(Scope.SERVICE, chosen[0].service.stack_id, chosen[0].service.id)
    elif len(stack_ids) == 1:
        target = JobTarget(Scope.STACK, stack_ids.pop())
    else:
        target = JobTarget(Scope.ALL)
    return UpdateRequest(
        target=target,
        approved=tuple(
            ApprovedTarget(choice.service.id, choice.candidate.tag, choice.candidate.digest)
            for choice in chosen
        ),
        mode=UpdateMode.DRY_RUN if dry_run else UpdateMode.APPLY,
        allow_arch_mismatch=False,
        backup_mode=BackupMode.INHERIT,
        reason=Reason.UI,
        partial=True,
    )


@dataclass(frozen=True, slots=True)
class ServiceResult:
    """How the update of one service ended. `good` is also True when there was nothing to do."""

    line: str
    good: bool


def outcomes_of(summary: UpdateSummary, projects: Mapping[str, str]) -> list[ServiceResult]:
    """Reads the summary of an update job. `projects` maps the id of a stack to the name of its project."""
    return [
        _result(
            projects.get(stack.stack_id, stack.stack_id), service, dry_run=summary.mode is UpdateMode.DRY_RUN
        )
        for stack in summary.stacks or ()
        for service in stack.services or ()
    ]


def _result(project: str, service: ServiceUpdateResult, *, dry_run: bool) -> ServiceResult:
    name, size = f"{project}/{service.service_name}", service.bytes_to_download
    if dry_run and size is not None:
        return ServiceResult(f"{name}: would be updated, at most {size / 1e6:.1f} MB to download", good=True)
    details = "; ".join([*_images(service), *_reason(service)])
    words = service.status.value.replace("_", " ")
    line = f"{name}: {words}: {details}" if details else f"{name}: {words}"
    return ServiceResult(line, good=not service.status.went_wrong)


def _images(service: ServiceUpdateResult) -> list[str]:
    old, new = service.old_image_id, service.new_image_id
    if service.status is not ServiceStatus.UPDATED or not old or not new:
        return []
    return [f"image {Digest(old).short} -> {Digest(new).short}"]


def _reason(service: ServiceUpdateResult) -> list[str]:
    if not service.reason:
        return []
    return [f"{service.reason} (step {service.step})" if service.step else service.reason]


def exit_code(results: Collection[ServiceResult], *, complete: bool) -> int:
    """0: all services are up to date. 1: one was rolled back or failed. 2: a registry gave no answer."""
    if not complete:
        return 2
    return 0 if all(result.good for result in results) else 1

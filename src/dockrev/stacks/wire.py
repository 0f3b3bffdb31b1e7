"""Stacks and services in responses of the API."""

from typing import Annotated

from dockrev.blockers import Blocker
from dockrev.images.models import CheckError
from dockrev.stacks.displayed_version import DisplayedVersion
from dockrev.stacks.models import ArchivedFilter, BackupChoice, Runtime, ServiceSettings, StackStatus
from dockrev.stacks.update_state import ArchMatch, Candidate
from dockrev.stacks.views import ServiceView, StackView
from dockrev.versions.state import InferenceState, InferenceStatus
from dockrev.web.query import blank_means
from dockrev.web.wire import Nullable, Timestamp, Wire

Archived = Annotated[ArchivedFilter, blank_means(ArchivedFilter.EXCLUDE, ArchivedFilter)]
"""The query parameter `archived`."""


class StackListItem(Wire):
    id: str
    host_id: str
    name: str
    status: StackStatus
    services: int
    updates: int
    last_check_at: Timestamp
    archived: bool
    archived_services: int


class StackListAnswer(Wire):
    stacks: list[StackListItem]


class ImageOut(Wire):
    """`resolvedTags`: all version tags, if there is more than one. `labelVersion`: a label of the image,
    which is not proven.
    """

    ref: str
    tag: str
    digest: str | None = None
    resolved_tag: str | None = None
    resolved_tags: list[str] | None = None
    label_version: str | None = None


class CandidateOut(Wire):
    """`firstSeenAt`: when Dockrev first saw this digest under the tag."""

    tag: str
    resolved_tag: str | None = None
    digest: str
    arch_match: ArchMatch
    arch: list[str]
    first_seen_at: Timestamp | None = None


class CheckErrorOut(Wire):
    """`retryAt`: the registry limits requests until then. The service is deferred, it did not fail."""

    code: str
    message: str
    at: Timestamp
    retry_at: Timestamp | None = None


class BlockerOut(Wire):
    """Why the service cannot be updated. `code` is stable."""

    code: str
    text: str
    remedy: str | None = None


class IgnoreOut(Wire):
    matched: bool
    rule_id: str
    reason: str


class VersionInferenceOut(Wire):
    status: InferenceStatus
    reason: str | None = None
    checked_at: Timestamp | None = None


class ContainersOut(Wire):
    total: int
    running: int
    unhealthy: int
    mixed: bool


class BackupTargetsOut(Wire):
    bind_paths: dict[str, BackupChoice]
    volume_names: dict[str, BackupChoice]


class SettingsOut(Wire):
    auto_rollback: bool
    backup_targets: BackupTargetsOut
    repo_url: Nullable[str]


class ServiceOut(Wire):
    """`note`: why checks skip the service. `removed`: its project does not have it any more."""

    id: str
    host_id: str
    name: str
    image: ImageOut
    candidate: CandidateOut | None = None
    ignore: IgnoreOut | None = None
    version_inference: VersionInferenceOut
    settings: SettingsOut
    archived: bool
    removed: bool
    containers: ContainersOut
    checked_at: Timestamp | None = None
    check_error: CheckErrorOut | None = None
    note: str | None = None
    blockers: list[BlockerOut]


class ComposeOut(Wire):
    type: str
    compose_files: list[str]


class StackDetail(Wire):
    id: str
    host_id: str
    name: str
    status: StackStatus
    compose: ComposeOut
    services: list[ServiceOut]
    archived: bool


class StackAnswer(Wire):
    stack: StackDetail


def stack_list_item(view: StackView) -> StackListItem:
    stack = view.stack
    return StackListItem(
        id=stack.id,
        host_id=stack.host_id,
        name=stack.name,
        status=stack.status,
        services=len(stack.services),
        updates=view.updates,
        last_check_at=stack.last_check_at,
        archived=stack.archived,
        archived_services=sum(service.archived or service.removed for service in stack.services),
    )


def stack_detail(view: StackView) -> StackDetail:
    stack = view.stack
    return StackDetail(
        id=stack.id,
        host_id=stack.host_id,
        name=stack.name,
        status=stack.status,
        compose=ComposeOut(type="path", compose_files=list(stack.compose_files)),
        services=[service_out(service) for service in view.services],
        archived=stack.archived,
    )


def service_out(view: ServiceView) -> ServiceOut:
    service, state = view.service, view.state
    return ServiceOut(
        id=service.id,
        host_id=service.host_id,
        name=service.name,
        image=_image(view),
        candidate=_candidate(state.candidate, view.version),
        ignore=_ignore(view),
        version_inference=_inference(view.version.inference),
        settings=settings_out(service.settings),
        archived=service.archived or service.removed,
        removed=service.removed,
        containers=_containers(service.runtime),
        checked_at=state.checked_at,
        check_error=_check_error(state.check_error),
        note=state.unchecked.value if state.unchecked else None,
        blockers=[blocker_out(blocker) for blocker in view.blockers],
    )


def _image(view: ServiceView) -> ImageOut:
    state, version = view.state, view.version
    return ImageOut(
        ref=view.service.image_ref or "",
        tag=state.tag,
        digest=state.digest,
        resolved_tag=version.resolved_tag,
        resolved_tags=version.resolved_tags,
        label_version=version.label,
    )


def _ignore(view: ServiceView) -> IgnoreOut | None:
    match = view.ignored_by
    if match is None:
        return None
    rule = match.rule
    reason = f'matched ignore rule for tag {match.tag}: {rule.kind} "{rule.value}"'
    return IgnoreOut(matched=True, rule_id=rule.id, reason=reason)


def _inference(inference: InferenceState) -> VersionInferenceOut:
    return VersionInferenceOut(
        status=inference.status, reason=inference.reason, checked_at=inference.checked_at
    )


def _candidate(candidate: Candidate | None, version: DisplayedVersion) -> CandidateOut | None:
    if candidate is None:
        return None
    return CandidateOut(
        tag=candidate.tag,
        resolved_tag=version.candidate[0] if version.candidate else None,
        digest=candidate.digest,
        arch_match=candidate.arch_match,
        arch=[str(platform) for platform in candidate.platforms],
        first_seen_at=candidate.first_seen_at,
    )


def blocker_out(blocker: Blocker) -> BlockerOut:
    return BlockerOut(code=blocker.code, text=blocker.text, remedy=blocker.remedy)


def settings_out(settings: ServiceSettings) -> SettingsOut:
    targets = BackupTargetsOut(bind_paths=dict(settings.bind_paths), volume_names=dict(settings.volume_names))
    return SettingsOut(
        auto_rollback=settings.auto_rollback, backup_targets=targets, repo_url=settings.repo_url
    )


def _containers(runtime: Runtime) -> ContainersOut:
    return ContainersOut(
        total=runtime.total,
        running=runtime.running,
        unhealthy=runtime.unhealthy,
        mixed=len(runtime.images) > 1,
    )


def _check_error(error: CheckError | None) -> CheckErrorOut | None:
    if error is None:
        return None
    return CheckErrorOut(code=error.code, message=error.message, at=error.at, retry_at=error.retry_at)

"""The form of an update request: everything that can be checked without knowing any stack. No I/O.

Checked in the order of the API's contract; the first fault is reported.
"""

from collections.abc import Sequence
from typing import NoReturn

from pydantic import StrictBool

from dockrev.errors import InvalidArgument
from dockrev.jobs.models import BackupMode, JobTarget, Reason, Scope
from dockrev.jobs.targets import require_target
from dockrev.oci.ref import is_tag
from dockrev.updates.models import ApprovedTarget, UpdateMode, UpdateRequest
from dockrev.web.wire import Wire


class TargetIn(Wire):
    service_id: str | None = None
    target_tag: str | None = None
    target_digest: str | None = None
    pull_tags: list[str] | None = None


class UpdateIn(Wire):
    scope: Scope
    stack_id: str | None = None
    service_id: str | None = None
    target_tag: str | None = None
    target_digest: str | None = None
    pull_tags: list[str] | None = None
    targets: list[TargetIn] | None = None
    mode: UpdateMode = UpdateMode.APPLY
    allow_arch_mismatch: StrictBool = False
    backup_mode: BackupMode = BackupMode.INHERIT
    reason: Reason = Reason.UI


def parse_request(given: UpdateIn) -> UpdateRequest:
    target = require_target(given.scope, given.stack_id, given.service_id)
    approved = _single(given, target) if given.scope is Scope.SERVICE else _several(given)
    _refuse_duplicates(approved)
    return UpdateRequest(
        target, tuple(approved), given.mode, given.allow_arch_mismatch, given.backup_mode, given.reason
    )


def _single(given: UpdateIn, target: JobTarget) -> list[ApprovedTarget]:
    if given.targets is not None:
        _refuse("targets", "not allowed for scope=service")
    own = TargetIn(
        service_id=target.service_id,
        target_tag=given.target_tag,
        target_digest=given.target_digest,
        pull_tags=given.pull_tags,
    )
    return [_approved(own, "")]


def _several(given: UpdateIn) -> list[ApprovedTarget]:
    for field, value in (
        ("targetTag", given.target_tag),
        ("targetDigest", given.target_digest),
        ("pullTags", given.pull_tags),
    ):
        if value is not None:
            _refuse(field, f"not allowed for scope={given.scope}; name it in targets[]")
    if given.targets is None:
        _refuse("targets", f"required for scope={given.scope}")
    return [_approved(one, f"targets[{index}].") for index, one in enumerate(given.targets)]


def _approved(given: TargetIn, path: str) -> ApprovedTarget:
    service_id = _required(given.service_id, f"{path}serviceId")
    tag = _required(given.target_tag, f"{path}targetTag")
    digest = _required(given.target_digest, f"{path}targetDigest")
    if given.pull_tags is None:
        _refuse(f"{path}pullTags", "required, may be empty")
    pull_tags = [_tag(one, f"{path}pullTags[{index}]") for index, one in enumerate(given.pull_tags)]
    others = tuple(dict.fromkeys(one for one in pull_tags if one != tag))
    return ApprovedTarget(service_id, tag, digest if ":" in digest else f"sha256:{digest}", others)


def _tag(value: str, field: str) -> str:
    tag = _required(value, field)
    if not is_tag(tag):
        _refuse(
            field,
            f"{tag[:128]!r} is not a tag: up to 128 letters, digits and _ . -, not with . or - in front",
        )
    return tag


def _refuse_duplicates(approved: Sequence[ApprovedTarget]) -> None:
    seen: set[str] = set()
    for index, target in enumerate(approved):
        if target.service_id in seen:
            _refuse(f"targets[{index}].serviceId", f"{target.service_id} is named twice")
        seen.add(target.service_id)


def _required(value: str | None, field: str) -> str:
    trimmed = (value or "").strip()
    if not trimmed:
        _refuse(field, "must not be blank")
    return trimmed


def _refuse(field: str, message: str) -> NoReturn:
    raise InvalidArgument(f"{field}: {message}", {"field": field})

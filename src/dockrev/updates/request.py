"""Validates the form of an update request, as far as that needs no recorded stack. No I/O.

The checks run in the order of the API's contract. The first fault is reported.
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


def parse_request(body: UpdateIn) -> UpdateRequest:
    target = require_target(body.scope, body.stack_id, body.service_id)
    approved = _single(body, target) if body.scope is Scope.SERVICE else _several(body)
    _refuse_duplicates(approved)
    return UpdateRequest(
        target, tuple(approved), body.mode, body.allow_arch_mismatch, body.backup_mode, body.reason
    )


def _single(body: UpdateIn, target: JobTarget) -> list[ApprovedTarget]:
    if body.targets is not None:
        _refuse("targets", "not allowed for scope=service")
    own = TargetIn(
        service_id=target.service_id,
        target_tag=body.target_tag,
        target_digest=body.target_digest,
        pull_tags=body.pull_tags,
    )
    return [_approved(own, "")]


def _several(body: UpdateIn) -> list[ApprovedTarget]:
    for field, value in (
        ("targetTag", body.target_tag),
        ("targetDigest", body.target_digest),
        ("pullTags", body.pull_tags),
    ):
        if value is not None:
            _refuse(field, f"not allowed for scope={body.scope}; put it into targets[]")
    if body.targets is None:
        _refuse("targets", f"required for scope={body.scope}")
    return [_approved(target, f"targets[{index}].") for index, target in enumerate(body.targets)]


def _approved(target: TargetIn, path: str) -> ApprovedTarget:
    service_id = _required(target.service_id, f"{path}serviceId")
    tag = _required(target.target_tag, f"{path}targetTag")
    digest = _required(target.target_digest, f"{path}targetDigest")
    if target.pull_tags is None:
        _refuse(f"{path}pullTags", "required, may be empty")
    pull_tags = [_tag(value, f"{path}pullTags[{index}]") for index, value in enumerate(target.pull_tags)]
    others = tuple(dict.fromkeys(pull_tag for pull_tag in pull_tags if pull_tag != tag))
    return ApprovedTarget(service_id, tag, digest if ":" in digest else f"sha256:{digest}", others)


def _tag(value: str, field: str) -> str:
    tag = _required(value, field)
    if not is_tag(tag):
        _refuse(
            field,
            f"{tag[:128]!r} is not a tag: a tag has up to 128 letters, digits and _ . -, and does not begin"
            " with . or -",
        )
    return tag


def _refuse_duplicates(approved: Sequence[ApprovedTarget]) -> None:
    seen: set[str] = set()
    for index, target in enumerate(approved):
        if target.service_id in seen:
            _refuse(f"targets[{index}].serviceId", f"{target.service_id} is listed twice")
        seen.add(target.service_id)


def _required(value: str | None, field: str) -> str:
    trimmed = (value or "").strip()
    if not trimmed:
        _refuse(field, "must not be blank")
    return trimmed


def _refuse(field: str, message: str) -> NoReturn:
    raise InvalidArgument(f"{field}: {message}", {"field": field})

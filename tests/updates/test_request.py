from typing import Any

import pytest
from pydantic import ValidationError

from dockrev.errors import InvalidArgument
from dockrev.jobs.models import BackupMode, JobTarget, Reason, Scope
from dockrev.updates.models import ApprovedTarget, UpdateMode, UpdateRequest
from dockrev.updates.request import UpdateIn, parse_request

DIGEST = "sha256:" + "a" * 64
ONE: dict[str, Any] = {"serviceId": "svc_1", "targetTag": "latest", "targetDigest": DIGEST, "pullTags": []}
SERVICE: dict[str, Any] = {"scope": "service", **ONE}
STACK: dict[str, Any] = {"scope": "stack", "stackId": "stk_1", "targets": [ONE]}


def parsed(body: dict[str, Any]) -> UpdateRequest:
    return parse_request(UpdateIn.model_validate(body))


def test_a_service_is_named_with_its_digest() -> None:
    assert parsed(SERVICE) == UpdateRequest(
        JobTarget(Scope.SERVICE, None, "svc_1"),
        (ApprovedTarget("svc_1", "latest", DIGEST),),
        UpdateMode.APPLY,
        allow_arch_mismatch=False,
        backup_mode=BackupMode.INHERIT,
        reason=Reason.UI,
    )


def test_a_stack_names_its_services_as_targets() -> None:
    assert parsed(STACK).approved == (ApprovedTarget("svc_1", "latest", DIGEST),)


def test_a_request_may_have_no_targets() -> None:
    assert parsed({"scope": "all", "targets": []}).approved == ()


def test_the_options_are_parsed() -> None:
    chosen = parsed(
        SERVICE | {"mode": "dry-run", "allowArchMismatch": True, "backupMode": "force", "reason": "webhook"}
    )
    assert (chosen.mode, chosen.allow_arch_mismatch) == (UpdateMode.DRY_RUN, True)
    assert (chosen.backup_mode, chosen.reason) == (BackupMode.FORCE, Reason.WEBHOOK)


def test_names_are_trimmed_and_a_bare_digest_is_a_sha256() -> None:
    body = SERVICE | {"serviceId": " svc_1 ", "targetTag": " latest ", "targetDigest": "a" * 64}
    assert parsed(body).approved == (ApprovedTarget("svc_1", "latest", DIGEST),)


def test_pull_tags_are_trimmed_without_repetition_and_without_the_target_itself() -> None:
    body = SERVICE | {"pullTags": [" 1.2.3 ", "latest", "1.2", "1.2.3"]}
    assert parsed(body).approved[0].pull_tags == ("1.2.3", "1.2")


@pytest.mark.parametrize("tag", ["latest", "_hidden", "1.2.3-rc.1_build", "t" * 128])
def test_every_valid_tag_may_be_pulled(tag: str) -> None:
    assert parsed(SERVICE | {"targetTag": "1", "pullTags": [tag]}).approved[0].pull_tags == (tag,)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (SERVICE | {"serviceId": None}, "serviceId"),
        (SERVICE | {"serviceId": " "}, "serviceId"),
        (STACK | {"stackId": ""}, "stackId"),
        (SERVICE | {"targets": []}, "targets"),
        (SERVICE | {"targetTag": " "}, "targetTag"),
        (SERVICE | {"targetTag": None}, "targetTag"),
        (SERVICE | {"targetDigest": ""}, "targetDigest"),
        (SERVICE | {"pullTags": None}, "pullTags"),
        (SERVICE | {"pullTags": ["1.2", " "]}, "pullTags[1]"),
        (SERVICE | {"pullTags": ["repo/image"]}, "pullTags[0]"),
        (SERVICE | {"pullTags": ["1.2", "1.2@sha256"]}, "pullTags[1]"),
        (SERVICE | {"pullTags": ["-1"]}, "pullTags[0]"),
        (SERVICE | {"pullTags": ["t" * 129]}, "pullTags[0]"),
        (STACK | {"targetTag": "latest"}, "targetTag"),
        (STACK | {"targetDigest": DIGEST}, "targetDigest"),
        (STACK | {"pullTags": []}, "pullTags"),
        (STACK | {"targets": None}, "targets"),
        ({"scope": "all"}, "targets"),
        (STACK | {"targets": [ONE | {"serviceId": ""}]}, "targets[0].serviceId"),
        (STACK | {"targets": [ONE, ONE | {"serviceId": "svc_2", "targetTag": ""}]}, "targets[1].targetTag"),
        (STACK | {"targets": [ONE | {"targetDigest": None}]}, "targets[0].targetDigest"),
        (STACK | {"targets": [ONE | {"pullTags": None}]}, "targets[0].pullTags"),
        (STACK | {"targets": [ONE | {"pullTags": ["a", "b", ""]}]}, "targets[0].pullTags[2]"),
        (
            STACK | {"targets": [ONE, ONE | {"serviceId": "svc_2", "pullTags": ["a", "b", "a b"]}]},
            "targets[1].pullTags[2]",
        ),
        (STACK | {"targets": [ONE, ONE]}, "targets[1].serviceId"),
    ],
)
def test_the_first_fault_of_the_form_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parsed(body)
    assert refused.value.details == {"field": field}
    assert refused.value.message.startswith(field) or "is required" in refused.value.message


def test_the_faults_are_checked_in_the_order_of_the_contract() -> None:
    """First the ids, then the fields of the scope, then the fields of the targets."""
    with pytest.raises(InvalidArgument, match=r"^stackId"):
        parsed({"scope": "stack", "targetTag": "x", "targets": [{}]})
    with pytest.raises(InvalidArgument, match=r"^targetTag: not allowed"):
        parsed({"scope": "all", "targetTag": "x", "targets": [{}]})


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "everything"},
        SERVICE | {"mode": "apply-now"},
        SERVICE | {"allowArchMismatch": "yes"},
        SERVICE | {"pullTags": "1.2"},
        STACK | {"targets": ["svc_1"]},
    ],
)
def test_a_field_of_the_wrong_type_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UpdateIn.model_validate(body)

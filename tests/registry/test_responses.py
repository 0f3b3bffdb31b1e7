"""A failure of the network becomes a RegistryError that names host, question and remedy."""

from datetime import UTC, datetime

import pytest

from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.http.failure import FailureKind, HttpFailure
from dockrev.registry.responses import registry_errors


@pytest.mark.parametrize(
    ("kind", "reason", "advice"),
    [
        (FailureKind.UNREACHABLE, RegistryErrorCode.UNREACHABLE, "advice"),
        (FailureKind.TIMEOUT, RegistryErrorCode.TIMEOUT, "advice"),
        (
            FailureKind.TLS,
            RegistryErrorCode.TLS,
            "name the authority that signed its certificate in DOCKREV_REGISTRY_CA_FILE, "
            "or list it in DOCKREV_INSECURE_REGISTRIES if it speaks plain HTTP",
        ),
        (FailureKind.NOT_HTTP, RegistryErrorCode.BAD_ANSWER, "check that it is a registry"),
        (FailureKind.BAD_REDIRECT, RegistryErrorCode.BAD_ANSWER, "advice"),
        (FailureKind.FORBIDDEN_ADDRESS, RegistryErrorCode.BAD_ANSWER, "advice"),
    ],
)
def test_a_failure_names_host_question_and_remedy(
    kind: FailureKind, reason: RegistryErrorCode, advice: str
) -> None:
    with pytest.raises(RegistryError) as caught, registry_errors("the digest of app:1"):
        raise HttpFailure(kind, "ghcr.io", "failed somehow", "advice", permanent=True)

    assert caught.value.message == f"ghcr.io failed somehow when asked for the digest of app:1; {advice}"
    assert (caught.value.reason, caught.value.permanent) == (reason, True)


def test_a_rate_limit_says_until_when() -> None:
    until = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with pytest.raises(RegistryError) as caught, registry_errors("the tags of app"):
        raise HttpFailure(FailureKind.RATE_LIMITED, "ghcr.io", "limits", "wait", retry_at=until)

    assert (caught.value.reason, caught.value.retry_at) == (RegistryErrorCode.RATE_LIMITED, until)
    assert "so asking for the tags of app has to wait until 2026-01-02T03:04:05" in caught.value.message

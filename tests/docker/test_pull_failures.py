"""Real messages of engines and registries about failed pulls, and the message for the operator."""

import pytest

from dockrev.docker.pull_failures import known_failure, pull_failure

NAME = "registry.test/x/web@sha256:aa"


@pytest.mark.parametrize(
    ("reason", "sentence", "permanent"),
    [
        ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", "disk is full", True),
        (
            "failed to register layer: Error processing tar file: write /big: no space left on device",
            "there is no room for",
            True,
        ),
        (f"manifest for {NAME} not found: manifest unknown: manifest unknown", "does not offer", True),
        (
            "no matching manifest for linux/amd64 in the manifest list entries",
            "no image for the platform",
            True,
        ),
        (
            "Get https://registry.test/v2/x/web/manifests/sha256:aa: no basic auth credentials",
            "does not let this engine pull",
            True,
        ),
        ("unauthorized: authentication required", "Check the login", True),
        (
            "pull access denied for x/web, repository does not exist or may require 'docker login': denied:"
            " requested access to the resource is denied",
            "Check the login",
            True,
        ),
        (
            "toomanyrequests: You have reached your unauthenticated pull rate limit.",
            "limits how often",
            False,
        ),
        (
            'Get "https://registry.test/v2/": x509: certificate signed by unknown authority',
            "does not accept the certificate",
            True,
        ),
        (
            'Get "https://10.0.0.5:5000/v2/": http: server gave HTTP response to HTTPS client',
            "insecure-registries",
            True,
        ),
        (
            'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
            "cannot reach the registry",
            False,
        ),
        (
            "Get https://registry.test/v2/: net/http: TLS handshake timeout",
            "cannot reach the registry",
            False,
        ),
        (
            'Get "https://registry.test/v2/": context deadline exceeded (Client.Timeout exceeded)',
            "cannot reach the registry",
            False,
        ),
        ("unexpected EOF", "cannot reach the registry", False),
        ("something new", f"could not pull {NAME}: something new.", False),
    ],
)
def test_a_failure_says_what_to_do(reason: str, sentence: str, permanent: bool) -> None:
    failure = pull_failure(NAME, reason)

    assert sentence in failure.message
    assert NAME in failure.message
    assert failure.permanent is permanent


def test_an_unknown_message_has_no_known_failure() -> None:
    assert known_failure(NAME, "something new") is None


@pytest.mark.parametrize(
    "reason",
    [
        'Get "https://store.test/blob?X-Amz-Signature=s3cret": dial tcp: i/o timeout',
        "Get https://user:s3cret@proxy.test/v2/: unauthorized",
        "error parsing https://auth.test/token?account=s3cret&scope=x",
    ],
)
def test_signatures_and_passwords_in_urls_are_removed(reason: str) -> None:
    message = pull_failure(NAME, reason).message

    assert "s3cret" not in message
    assert ".test/" in message


def test_a_long_message_of_the_engine_is_cut() -> None:
    assert len(pull_failure(NAME, "x" * 10_000).message) < 500

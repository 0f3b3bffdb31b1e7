"""Token requests and their answers, without a server."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from dockrev.registry.challenge import Bearer
from dockrev.registry.credentials import Credential
from dockrev.registry.tokens import parse_token, token_request, token_url
from tests.fakes.clock import MovableClock

NOW = MovableClock().now()


@pytest.mark.parametrize(
    ("body", "value", "seconds"),
    [
        (b'{"token":"t","expires_in":300}', "t", 290),
        (b'{"access_token":"a","expires_in":300}', "a", 290),
        (b'{"token":"t","access_token":"a"}', "t", 50),
        (b'{"token":"","access_token":"a"}', "a", 50),
        (b'{"token":"t","expires_in":0}', "t", 50),
        (b'{"token":"t","expires_in":"300"}', "t", 50),
        (b'{"token":"t","expires_in":1e300}', "t", 50),
        (b'{"token":"t","expires_in":10}', "t", 5),
    ],
)
def test_a_token_is_used_until_shortly_before_it_expires(body: bytes, value: str, seconds: int) -> None:
    token = parse_token(body, NOW)

    assert token is not None
    assert (token.value, token.expires) == (value, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"token":1}', b'{"token":"a\\r\\nX: b"}', '{"token":"é"}'.encode()],
)
def test_an_answer_without_a_usable_token_grants_nothing(body: bytes) -> None:
    assert parse_token(body, NOW) is None


def test_a_token_does_not_show_itself() -> None:
    assert "hidden" not in repr(parse_token(b'{"token":"hidden"}', NOW))


def test_scopes_are_asked_for_one_by_one_in_the_query() -> None:
    url = token_url(Bearer("https://auth.example/token?tenant=1", "the service, inc."), ["a/b", "c"])

    assert parse_qs(urlsplit(url).query) == {
        "tenant": ["1"],
        "service": ["the service, inc."],
        "scope": ["repository:a/b:pull", "repository:c:pull"],
    }


def test_a_login_goes_into_the_header_and_never_into_the_address() -> None:
    request = token_request(Bearer("https://auth.example/token"), Credential("alice", "hidden"), ["a"])

    assert (request.method, request.headers) == (
        "GET",
        {"Authorization": Credential("alice", "hidden").basic},
    )
    assert "hidden" not in request.url
    assert "service" not in request.url


def test_an_identity_token_goes_into_the_body_of_an_oauth2_request() -> None:
    login = Credential("<token>", "refresh", identity=True)

    request = token_request(Bearer("https://auth.example/token", "s"), login, ["a", "b"])

    assert (request.method, request.url, request.headers) == ("POST", "https://auth.example/token", {})
    assert request.form == {
        "grant_type": "refresh_token",
        "service": "s",
        "scope": "repository:a:pull repository:b:pull",
        "client_id": "dockrev",
        "refresh_token": "refresh",
    }

"""The login flow step by step, without a server: what it asks for, and what it does with the answers."""

import asyncio
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from dockrev.errors import RegistryError
from dockrev.http.messages import HttpResponse
from dockrev.registry.auth import EndpointAuth
from dockrev.registry.credentials import Credential
from dockrev.registry.endpoints import Endpoint
from dockrev.registry.flow import FetchToken, FindCredential, Flow, SendRequest
from tests.fakes.clock import MovableClock

REGISTRY = Endpoint("https://registry.example", "registry.example")
BEARER = 'Bearer realm="https://auth.example/token",service="registry"'
ALICE = Credential("alice", "wonderland")


def response(status: int, body: bytes = b"", **headers: str) -> HttpResponse:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return HttpResponse(status, CIMultiDictProxy(named), body, "https://registry.example/v2/")


def token(value: str) -> HttpResponse:
    return response(200, f'{{"token":"{value}","expires_in":300}}'.encode())


def steps(flow: Flow[Any], *answers: object) -> tuple[list[Any], Any]:
    """Drives the flow: `answers` go to requests for tokens, requests and credentials in their order.

    Returns these steps and the result. Locks are taken like the endpoint client takes them.
    """
    given = list(answers)
    answer: Any = None
    taken: list[Any] = []
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as end:
            assert not given
            return taken, end.value
        if isinstance(step, asyncio.Lock):
            answer = asyncio.run(_acquire(step))
        else:
            taken.append(step)
            answer = given.pop(0)


async def _acquire(lock: asyncio.Lock) -> bool:
    return await lock.acquire()


@pytest.fixture
def auth(clock: MovableClock) -> EndpointAuth:
    return EndpointAuth(REGISTRY, clock)


def test_without_a_challenge_a_request_is_all(auth: EndpointAuth) -> None:
    good = response(200)

    assert steps(auth.request("app"), good) == ([SendRequest(None)], good)


def test_a_challenge_leads_to_a_credential_a_token_and_the_request_again(auth: EndpointAuth) -> None:
    good = response(200)
    challenge = response(401, WWW_Authenticate=BEARER)

    taken, result = steps(auth.request("app"), challenge, ALICE, token("t"), good)

    first, credential, fetch, again = taken
    assert (first, again) == (SendRequest(None), SendRequest("Bearer t", renewed=True))
    assert isinstance(credential, FindCredential)
    assert isinstance(fetch, FetchToken)
    assert fetch.request.url == "https://auth.example/token?service=registry&scope=repository:app:pull"
    assert fetch.request.headers == {"Authorization": ALICE.basic}
    assert result is good


def test_a_token_is_used_for_the_next_request(auth: EndpointAuth) -> None:
    challenge = response(401, WWW_Authenticate=BEARER)
    steps(auth.request("app"), challenge, None, token("t"), response(200))

    taken, _ = steps(auth.request("app"), None, response(200))

    assert taken[1:] == [SendRequest("Bearer t")]


def test_a_token_that_expired_before_the_turn_of_the_request_is_replaced(
    auth: EndpointAuth, clock: MovableClock
) -> None:
    challenge = response(401, WWW_Authenticate=BEARER)
    steps(auth.request("app"), challenge, None, token("old"), response(200))
    assert auth.is_valid("Bearer old", "app")
    flow = auth.request("app")
    assert isinstance(next(flow), FindCredential)
    lock = flow.send(None)
    assert isinstance(lock, asyncio.Lock)
    assert flow.send(asyncio.run(_acquire(lock))) == SendRequest("Bearer old")

    clock.advance(300)
    assert not auth.is_valid("Bearer old", "app")
    assert isinstance(flow.send(None), FindCredential)  # None: the request was not sent
    taken, _ = steps(_rest(flow), token("new"), response(200))

    assert taken[-1] == SendRequest("Bearer new")


def _rest(flow: Flow[Any]) -> Flow[Any]:
    """Goes on with a flow that waits for a credential; there is none."""
    step = flow.send(None)
    try:
        while True:
            step = flow.send((yield step))
    except StopIteration as end:
        return end.value


def test_a_flow_that_is_closed_releases_its_locks(auth: EndpointAuth) -> None:
    flow = auth.request("app")
    lock = next(flow)
    assert isinstance(lock, asyncio.Lock)
    flow.send(asyncio.run(_acquire(lock)))
    assert lock.locked()

    flow.close()

    assert not lock.locked()


def test_a_refused_login_ends_the_flow_without_the_request(auth: EndpointAuth) -> None:
    with pytest.raises(RegistryError, match="refused the login 'alice'"):
        steps(auth.request("app"), response(401, WWW_Authenticate=BEARER), ALICE, response(401))
    with pytest.raises(RegistryError, match="refused the login 'alice'"):
        steps(auth.request("app"), ALICE)


def test_a_challenge_learned_elsewhere_counts_before_the_first_request(auth: EndpointAuth) -> None:
    auth.learn(response(401, WWW_Authenticate=BEARER))
    assert not auth.is_valid(None, "app")

    taken, _ = steps(auth.request("app"), None, token("t"), response(200))

    assert taken[-1] == SendRequest("Bearer t")


def test_basic_goes_out_with_every_request(auth: EndpointAuth) -> None:
    challenge = response(401, WWW_Authenticate='Basic realm="x"')
    steps(auth.request("app"), challenge, ALICE, response(200))

    taken, _ = steps(auth.request("app"), ALICE, response(200))

    assert taken[1] == SendRequest(ALICE.basic)
    assert auth.is_valid(ALICE.basic, "app")

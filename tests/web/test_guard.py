import hmac
from ipaddress import ip_network

import aiohttp
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from dockrev.config.shared import AuthConfig
from dockrev.errors import AuthRequired
from dockrev.web.access import Access, SharedSecret, Signature
from dockrev.web.application import create_web_app
from dockrev.web.headers import RawHeaders, header
from dockrev.web.identity import CurrentPrincipal, OptionalPrincipal, Principal
from dockrev.web.router import ApiRouter
from dockrev.web.wire import SafeInteger, Wire
from tests.web.asgi import ask
from tests.web.serving import serving

AUTH = AuthConfig(allowed_user="ivan", trusted_proxies=(ip_network("127.0.0.0/8"),))
IVAN = {"x-forwarded-user": "ivan"}


class Order(Wire):
    amount: SafeInteger


async def knows_secret(secret: str | None) -> Principal:
    if secret != "hunter2":
        raise AuthRequired("wrong secret")
    return Principal("webhook")


async def is_signed(headers: RawHeaders, body: bytes) -> Principal:
    signature = hmac.new(b"key", body, "sha256").hexdigest()
    if header(headers, b"x-signature") != signature:
        raise AuthRequired("wrong signature")
    return Principal("github")


def guarded(auth: AuthConfig = AUTH) -> ASGIApp:
    router = ApiRouter(access=Access.IDENTITY)

    async def health() -> PlainTextResponse:
        return PlainTextResponse("ok")

    async def ready(principal: OptionalPrincipal) -> PlainTextResponse:
        return PlainTextResponse(principal.name if principal else "a stranger")

    async def file(name: str) -> PlainTextResponse:
        return PlainTextResponse(name)

    async def hook(request: Request, principal: CurrentPrincipal) -> PlainTextResponse:
        return PlainTextResponse(f"{principal.name}: {(await request.body()).decode()}")

    router.add_api_route("/api/health", health, methods=["GET"], access=Access.PUBLIC)
    router.add_api_route("/api/ready", ready, methods=["GET"], access=Access.PUBLIC)
    router.add_api_route("/files/{name}", file, methods=["GET"], access=Access.PUBLIC)
    router.add_api_route(
        "/api/trigger", hook, methods=["POST"], access=SharedSecret("X-Secret", knows_secret)
    )
    router.add_api_route("/api/hook", hook, methods=["POST"], access=Signature("X-Signature", is_signed))

    @router.get("/api/me")
    async def me(principal: CurrentPrincipal) -> PlainTextResponse:
        return PlainTextResponse(principal.name)

    @router.post("/api/orders")
    async def order(order: Order, principal: CurrentPrincipal) -> PlainTextResponse:
        return PlainTextResponse(f"{principal.name} orders {order.amount}")

    return create_web_app([router], auth, "1.2.3")


async def test_a_public_route_for_every_path_opens_only_what_no_other_route_serves() -> None:
    secrets, pages = ApiRouter(access=Access.IDENTITY), ApiRouter(access=Access.PUBLIC)

    async def text(path: str = "secret") -> PlainTextResponse:
        return PlainTextResponse(path)

    secrets.add_api_route("/api/me", text, methods=["GET"])
    pages.add_api_route("/{path:path}", text, methods=["GET"])
    app = create_web_app([secrets, pages], AUTH, "1.2.3")

    assert (await ask(app, "GET", "/settings")).body == b"settings"
    for path in ("/api/me", "/api/openapi.json"):
        assert (await ask(app, "GET", path)).status == 401, path


async def test_routes_get_the_principal() -> None:
    assert (await ask(guarded(), "GET", "/api/me", headers=IVAN)).body == b"ivan"


@pytest.mark.parametrize("path", ["/api/health", "/api/ready", "/files/app.js"])
async def test_public_paths_answer_callers_without_identity(path: str) -> None:
    assert (await ask(guarded(), "GET", path)).status == 200


async def test_a_public_route_still_gets_the_principal_of_an_allowed_caller() -> None:
    assert (await ask(guarded(), "GET", "/api/ready")).body == b"a stranger"
    assert (await ask(guarded(), "GET", "/api/ready", headers=IVAN)).body == b"ivan"


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/api/me", b""),
        ("HEAD", "/api/me", b""),
        ("GET", "/api/nothing-here", b""),
        ("GET", "/", b""),
        ("DELETE", "/api/me", b""),
        ("POST", "/api/orders", b"{broken"),
        ("POST", "/api/orders", b'{"amount":"many"}'),
        ("POST", "/api/orders", b"x" * (2 * 1024 * 1024)),
        ("GET", "/api/me?x=%00", b""),
        ("GET", "/api/openapi.json", b""),
        ("GET", "/api/health/", b""),
        ("GET", "//api/health", b""),
        ("GET", "/api/health%2f..%2fme", b""),
        ("GET", "/API/health", b""),
        ("POST", "/api/health", b""),
        ("GET", "/files/../api/me", b""),
        ("GET", "/api/trigger", b""),
        ("OPTIONS", "/api/me", b""),
    ],
)
async def test_a_caller_without_identity_gets_only_401(method: str, target: str, body: bytes) -> None:
    answer = await ask(guarded(), method, target, body=body, headers={"content-type": "application/json"})
    assert answer.status == 401
    assert answer.json()["error"]["details"]["reason"] == "identity_missing"


async def test_a_route_with_a_shared_secret_accepts_only_the_secret() -> None:
    assert (await ask(guarded(), "POST", "/api/trigger", headers=IVAN)).status == 401
    assert (await ask(guarded(), "POST", "/api/trigger", headers={"x-secret": "wrong"})).status == 401
    answer = await ask(guarded(), "POST", "/api/trigger", headers={"x-secret": "hunter2"}, body=b"{}")
    assert answer.body == b"webhook: {}"


async def test_a_signature_is_verified_over_the_raw_body_and_the_route_reads_the_same_body() -> None:
    signature = hmac.new(b"key", b'{"a": 1 }', "sha256").hexdigest()
    signed = {"x-signature": signature}
    answer = await ask(guarded(), "POST", "/api/hook", headers=signed, body=b'{"a": 1 }')
    assert answer.body == b'github: {"a": 1 }'
    assert (await ask(guarded(), "POST", "/api/hook", headers=signed, body=b'{"a":1}')).status == 401
    assert (await ask(guarded(), "POST", "/api/hook", headers=IVAN, body=b'{"a": 1 }')).status == 401


async def test_a_body_that_is_too_long_is_refused_before_its_signature_is_verified() -> None:
    answer = await ask(guarded(), "POST", "/api/hook", body=b"x" * (2 * 1024 * 1024))
    assert answer.status == 400


async def test_identity_headers_of_an_untrusted_peer_are_ignored() -> None:
    assert (await ask(guarded(), "GET", "/api/me", headers=IVAN, peer="192.0.2.1")).status == 401


async def test_a_request_from_a_foreign_page_is_refused_even_with_an_identity() -> None:
    answer = await ask(
        guarded(),
        "POST",
        "/api/orders",
        headers=IVAN | {"origin": "https://evil.example"},
        json_body={"amount": 1},
    )
    assert (answer.status, answer.json()["error"]["code"]) == (403, "cross_site_refused")


async def test_the_identity_is_checked_before_the_origin() -> None:
    answer = await ask(guarded(), "POST", "/api/orders", headers={"origin": "https://evil.example"})
    assert answer.status == 401


async def test_anonymous_access_has_a_principal_too() -> None:
    answer = await ask(guarded(AuthConfig()), "POST", "/api/orders", json_body={"amount": 2})
    assert answer.body == b"anonymous orders 2"


async def test_web_sockets_are_not_accepted() -> None:
    async with serving(guarded(AuthConfig())) as served:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await served.client.ws_connect("/api/me")
    assert refusal.value.status == 200, "the upgrade is ignored, and the request is answered like any other"


async def test_the_peer_is_the_address_of_the_socket_and_not_that_of_a_header() -> None:
    auth = AuthConfig(allowed_user="ivan", trusted_proxies=(ip_network("10.0.0.0/8"),))
    async with serving(guarded(auth)) as served:
        headers = IVAN | {"x-forwarded-for": "10.0.0.1", "forwarded": "for=10.0.0.1"}
        async with served.client.get("/api/me", headers=headers) as response:
            assert response.status == 401

from ipaddress import ip_network

import pytest
from starlette.types import Scope

from dockrev.config.shared import Network
from dockrev.errors import CrossSiteRefused
from dockrev.web.origin import refuse_cross_site

Headers = dict[str, str]
PROXIES = (ip_network("10.0.0.0/8"),)

ALLOWED: list[tuple[str, str, Headers]] = [
    ("a program", "POST", {}),
    ("own page", "POST", {"sec-fetch-site": "same-origin"}),
    ("own page by both headers", "PUT", {"sec-fetch-site": "same-origin", "origin": "https://dockrev.test"}),
    ("typed by a person", "POST", {"sec-fetch-site": "none"}),
    ("foreign page reading", "GET", {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}),
    ("foreign page asking for options", "OPTIONS", {"origin": "https://evil.example"}),
    ("own origin", "POST", {"origin": "http://dockrev.test"}),
    ("own origin behind a TLS proxy", "DELETE", {"origin": "https://dockrev.test"}),
    ("own origin in capitals", "POST", {"origin": "HTTP://Dockrev.Test"}),
    ("own origin with its default port", "POST", {"origin": "https://dockrev.test:443"}),
    ("blank origin", "POST", {"origin": " "}),
]  # fmt: skip

REFUSED: list[tuple[str, str, Headers]] = [
    ("foreign page", "POST", {"sec-fetch-site": "cross-site"}),
    ("sibling site", "POST", {"sec-fetch-site": "same-site"}),
    ("unknown relation", "POST", {"sec-fetch-site": "anything"}),
    ("foreign page that claims our origin", "POST", {"sec-fetch-site": "cross-site", "origin": "http://dockrev.test"}),
    ("foreign origin with the site of our own page", "POST", {"sec-fetch-site": "same-origin", "origin": "https://evil.example"}),
    ("foreign origin with the site none", "POST", {"sec-fetch-site": "none", "origin": "https://evil.example"}),
    ("foreign origin", "POST", {"origin": "https://evil.example"}),
    ("foreign origin, PUT", "PUT", {"origin": "https://evil.example"}),
    ("foreign origin, PATCH", "PATCH", {"origin": "https://evil.example"}),
    ("foreign origin, DELETE", "DELETE", {"origin": "https://evil.example"}),
    ("sub-domain", "POST", {"origin": "https://x.dockrev.test"}),
    ("our name as a prefix", "POST", {"origin": "https://dockrev.test.evil.example"}),
    ("another port", "POST", {"origin": "http://dockrev.test:8080"}),
    ("the other scheme's port", "POST", {"origin": "http://dockrev.test:443"}),
    ("opaque origin", "POST", {"origin": "null"}),
    ("our name as a user", "POST", {"origin": "https://dockrev.test@evil.example"}),
    ("an extension", "POST", {"origin": "chrome-extension://dockrev.test"}),
    ("two origins", "POST", {"origin": "http://dockrev.test, https://evil.example"}),
    ("not a URL", "POST", {"origin": "http://[dockrev.test"}),
]  # fmt: skip


def scope(method: str, headers: Headers, peer: str = "192.0.2.1") -> Scope:
    lines = {"host": "dockrev.test", **headers}
    return {
        "method": method,
        "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
        "client": (peer, 40000),
    }


@pytest.mark.parametrize(("method", "headers"), [c[1:] for c in ALLOWED], ids=[c[0] for c in ALLOWED])
def test_a_request_is_accepted(method: str, headers: Headers) -> None:
    refuse_cross_site(scope(method, headers), None)


@pytest.mark.parametrize(("method", "headers"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_request_is_refused(method: str, headers: Headers) -> None:
    with pytest.raises(CrossSiteRefused):
        refuse_cross_site(scope(method, headers), None)


@pytest.mark.parametrize(
    ("peer", "proxies", "trusted"),
    [("10.0.0.1", PROXIES, True), ("192.0.2.1", PROXIES, False), ("192.0.2.1", None, True)],
    ids=["trusted proxy", "untrusted peer", "every peer is trusted"],
)
def test_the_first_forwarded_host_of_a_trusted_proxy_is_an_own_host(
    peer: str, proxies: tuple[Network, ...] | None, trusted: bool
) -> None:
    headers = {"origin": "https://d.example", "x-forwarded-host": "d.example, inner.example"}
    if trusted:
        refuse_cross_site(scope("POST", headers, peer), proxies)
    else:
        with pytest.raises(CrossSiteRefused):
            refuse_cross_site(scope("POST", headers, peer), proxies)


@pytest.mark.parametrize(
    ("peer", "proxies", "allowed"),
    [("10.0.0.1", PROXIES, True), ("192.0.2.1", PROXIES, False), ("10.0.0.1", None, False)],
    ids=["trusted proxy", "untrusted peer", "no proxies are configured"],
)
def test_an_own_page_is_accepted_behind_a_trusted_proxy_that_replaces_host(
    peer: str, proxies: tuple[Network, ...] | None, allowed: bool
) -> None:
    headers = {"sec-fetch-site": "same-origin", "origin": "https://d.example"}
    if allowed:
        refuse_cross_site(scope("POST", headers, peer), proxies)
    else:
        with pytest.raises(CrossSiteRefused, match="X-Forwarded-Host"):
            refuse_cross_site(scope("POST", headers, peer), proxies)


@pytest.mark.parametrize(
    "more",
    [
        {"x-forwarded-host": "other.example"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": ""},
    ],
    ids=["another forwarded host", "site none", "cross-site", "no site"],
)
def test_a_trusted_proxy_may_only_omit_the_forwarded_host_of_our_own_page(more: Headers) -> None:
    headers = {"sec-fetch-site": "same-origin", "origin": "https://d.example"} | more
    with pytest.raises(CrossSiteRefused):
        refuse_cross_site(scope("POST", headers, "10.0.0.1"), PROXIES)


def test_the_port_of_host_must_match_the_origin() -> None:
    headers = {"host": "localhost:50883", "origin": "http://localhost:50883"}
    refuse_cross_site(scope("POST", headers), None)
    with pytest.raises(CrossSiteRefused):
        refuse_cross_site(scope("POST", headers | {"origin": "http://localhost:5173"}), None)

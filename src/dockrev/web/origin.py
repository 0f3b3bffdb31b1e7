"""
Refuses requests that a page of another site makes a browser send.

A browser states in Sec-Fetch-Site which site a request comes from, and no page can forge that. Older browsers
send only Origin, which must name the host that the request was sent to. One wrong header is enough to refuse.
Requests with neither header come from programs, which use nobody's session. `docs/decisions/0012-*.md`
explains the rules for proxies.
"""

from urllib.parse import urlsplit

from starlette.types import Scope

from dockrev.config.shared import Network
from dockrev.errors import CrossSiteRefused
from dockrev.web.headers import RawHeaders, header
from dockrev.web.peers import is_trusted, peer_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN_PAGES = {"same-origin", "none"}
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def refuse_cross_site(scope: Scope, trusted_proxies: tuple[Network, ...] | None) -> None:
    """Raises CrossSiteRefused. `none` in Sec-Fetch-Site stands for a request by the user, not by a page."""
    if scope["method"] in SAFE_METHODS:
        return
    headers: RawHeaders = scope["headers"]
    site = header(headers, b"sec-fetch-site")
    if site is not None and site not in _OWN_PAGES:
        raise CrossSiteRefused("cross-site request refused")
    origin = header(headers, b"origin")
    if origin is None or _host_was_replaced(scope, site, trusted_proxies):
        return
    if not _is_own_origin(origin, _hosts(headers, is_trusted(peer_of(scope), trusted_proxies))):
        raise CrossSiteRefused(
            "cross-site request refused: its Origin is not the host that was asked; "
            "a proxy in between must keep Host, or name it in X-Forwarded-Host"
        )


def _host_was_replaced(scope: Scope, site: str | None, trusted_proxies: tuple[Network, ...] | None) -> bool:
    """A trusted proxy may replace Host without X-Forwarded-Host. Then only Sec-Fetch-Site can decide."""
    behind_proxy = trusted_proxies is not None and is_trusted(peer_of(scope), trusted_proxies)
    return behind_proxy and site == "same-origin" and header(scope["headers"], b"x-forwarded-host") is None


def _hosts(headers: RawHeaders, behind_proxy: bool) -> list[str]:
    """The host names that the client may have used. A proxy keeps the original one in X-Forwarded-Host."""
    hosts = [header(headers, b"host")]
    if behind_proxy and (forwarded := header(headers, b"x-forwarded-host")):
        hosts.append(forwarded.split(",")[0].strip())
    return [host.lower() for host in hosts if host]


def _is_own_origin(origin: str, hosts: list[str]) -> bool:
    """An opaque origin, `null`, has no host and so is foreign."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    port = _DEFAULT_PORTS.get(parts.scheme)
    if port is None or not parts.netloc:
        return False
    return parts.netloc.removesuffix(port) in {host.removesuffix(port) for host in hosts}

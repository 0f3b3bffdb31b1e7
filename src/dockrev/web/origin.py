"""
Refuses what another site's page makes a browser send.

A browser says where a request comes from in Sec-Fetch-Site, and no page can forge that. It decides when it is
there; older browsers send Origin only, which must name the host that was asked. Requests with neither come
from programs, which carry no one's session.
"""

from urllib.parse import urlsplit

from starlette.types import Scope

from dockrev.config import Network
from dockrev.errors import CrossSiteRefused
from dockrev.web.headers import RawHeaders, header
from dockrev.web.peers import is_trusted, peer_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN_PAGES = {"same-origin", "none"}
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def refuse_cross_site(scope: Scope, trusted_proxies: tuple[Network, ...] | None) -> None:
    """Raises CrossSiteRefused. `none` is a request that the person made, not a page."""
    if scope["method"] in SAFE_METHODS:
        return
    headers: RawHeaders = scope["headers"]
    site = header(headers, b"sec-fetch-site")
    origin = header(headers, b"origin")
    if site is None and origin is not None:
        allowed = _is_own_origin(origin, _hosts(headers, is_trusted(peer_of(scope), trusted_proxies)))
    else:
        allowed = site is None or site in _OWN_PAGES
    if not allowed:
        raise CrossSiteRefused("cross-site request refused")


def _hosts(headers: RawHeaders, behind_proxy: bool) -> list[str]:
    """The names this server was asked by: a proxy may have replaced Host and kept the first one aside."""
    hosts = [header(headers, b"host")]
    if behind_proxy and (forwarded := header(headers, b"x-forwarded-host")):
        hosts.append(forwarded.split(",")[0].strip())
    return [host.lower() for host in hosts if host]


def _is_own_origin(origin: str, hosts: list[str]) -> bool:
    """`null`, an opaque origin, has no host and so is foreign."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    port = _DEFAULT_PORTS.get(parts.scheme)
    if port is None or not parts.netloc:
        return False
    return parts.netloc.removesuffix(port) in {host.removesuffix(port) for host in hosts}

"""
Refuses what another site's page makes a browser send.

A browser says where a request comes from in Sec-Fetch-Site, and no page can forge that; older browsers send
Origin only, which must name the host that was asked. Either is enough to refuse. Requests with neither come
from programs, which carry no one's session. `docs/decisions/0012-*.md` has the case of proxies.
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
    """Raises CrossSiteRefused. `none` is a request that the person made, not a page."""
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
    """A proxy that is known to stand there kept no name to compare with; the browser's word is left."""
    known = trusted_proxies is not None and is_trusted(peer_of(scope), trusted_proxies)
    return known and site == "same-origin" and header(scope["headers"], b"x-forwarded-host") is None


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

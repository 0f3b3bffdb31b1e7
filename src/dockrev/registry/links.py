"""The Link header that names the next page (RFC 8288; distribution spec, "Content Discovery")."""

import re
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.registry.endpoints import target_of

_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^,;\"]+(?:\"[^\"]*\")?)*)")
_NEXT = re.compile(r";\s*rel\s*=\s*\"?next\"?\s*(?:;|$)", re.IGNORECASE)


def next_link(headers: Iterable[str], asked: str) -> str | None:
    """Path and query of the `rel=next` link in the response to the URL `asked`.

    The client ignores scheme and port of the link: registries behind a proxy do not know theirs. Raises
    RegistryError when the link leads to another host.
    """
    for header in headers:
        for link, parameters in _LINK.findall(header):
            if _NEXT.search(parameters):
                return _on_same_host(urljoin(asked, link), asked)
    return None


def _on_same_host(link: str, asked: str) -> str:
    here, there = urlsplit(asked), urlsplit(link)
    if here.hostname != there.hostname:
        raise RegistryError(
            RegistryErrorCode.BAD_ANSWER,
            f"{here.netloc} continues its tag list on another host, which is not followed; "
            "check the registry's external address",
            permanent=True,
        )
    return target_of(link)

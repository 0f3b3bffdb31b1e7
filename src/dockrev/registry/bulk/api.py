"""The interface of a bulk API: which registries have it, how to ask it, and how to read its pages."""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self
from urllib.parse import urlsplit

from dockrev.config.server import RegistryConfig
from dockrev.errors import Json
from dockrev.http.client import HttpClient
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api_client import ApiClient, Login, anonymous
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.challenge import Bearer
from dockrev.registry.credentials import CredentialStore
from dockrev.registry.endpoint_client import EndpointClient
from dockrev.registry.endpoints import target_of
from dockrev.registry.requests import RegistryRequest
from dockrev.registry.responses import RegistryResponse

_PAGE_NUMBER = re.compile(r"(?<=[?&])(page=)([0-9]+)")

Fetch = Callable[[RegistryRequest], Awaitable[RegistryResponse]]
"""Returns the response whatever its status. Raises RegistryError when there is none."""


@dataclass(frozen=True, slots=True)
class BulkPage:
    """`unusable`: how many tags came without a usable name and digest."""

    tags: Sequence[TagDigest]
    unusable: int
    next: str | None
    """Path and query of the next page."""

    @classmethod
    def of(cls, entries: Iterable[TagDigest | None], next_page: str | None) -> Self:
        """None stands for an unusable entry."""
        every = list(entries)
        tags = [tag for tag in every if tag]
        return cls(tags, len(every) - len(tags), next_page)


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """What a bulk API may use to reach its server. `endpoint` is the registry itself, not a mirror."""

    registry: str
    endpoint: EndpointClient
    config: RegistryConfig
    credentials: CredentialStore
    http: HttpClient

    def own_server(self, login: Login = anonymous, *, login_per_repository: bool = False) -> ApiClient:
        """For an API on the server of the registry."""
        return ApiClient(
            self.http,
            self.endpoint.endpoint.base,
            self.endpoint.endpoint.host,
            login,
            beside_registry=True,
            login_per_repository=login_per_repository,
        )

    def other_server(self, base: str, login: Login = anonymous) -> ApiClient:
        """For an API with the base URL `base`."""
        host = urlsplit(base).netloc
        return ApiClient(self.http, base, host, login, beside_registry=False, login_per_repository=False)


class BulkApi(Protocol):
    hosts: ClassVar[tuple[str, ...]]
    """The registries that have the API: a host, or a domain with a leading dot."""
    accept: ClassVar[str]
    fallback_statuses: ClassVar[frozenset[int]]
    """Statuses after which the client tries the next of `first_pages`."""

    def is_behind(self, challenge: Bearer) -> bool:
        """Whether the challenge of a registry that no API names in `hosts` shows that it has this API."""
        ...

    def connect(self, access: RegistryAccess) -> Fetch:
        """Says which server answers, and with which login."""
        ...

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        """Path and query of the first page, and further ways to ask for it."""
        ...

    def page(self, content: Json, response: RegistryResponse) -> BulkPage:
        """`content` is the body of `response`. Raises InvalidArgument when it has another shape."""
        ...


def realm_path(challenge: Bearer) -> str:
    return urlsplit(challenge.realm).path


def numbered_after(response: RegistryResponse) -> str:
    """The page after this one where pages have numbers. The client follows no link of the server."""
    return _PAGE_NUMBER.sub(lambda number: f"{number[1]}{int(number[2]) + 1}", target_of(response.http.url))

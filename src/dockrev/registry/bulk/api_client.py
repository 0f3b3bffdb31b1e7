"""Sends requests to an API. It answers no challenges and follows no redirects."""

from collections.abc import Awaitable, Callable

from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.http.client import HttpClient
from dockrev.http.messages import HttpRequest
from dockrev.registry.requests import RegistryRequest
from dockrev.registry.responses import RegistryResponse, registry_errors

Login = Callable[[str], Awaitable[str | None]]
"""Takes the path of a repository. Returns the Authorization header, or None for an anonymous request."""


async def anonymous(path: str) -> str | None:
    del path
    return None


class ApiClient:
    """Sends the header that `login` returns to `base` and nowhere else.

    `host` names the server in messages and limits. `beside_registry`: a registry runs on the same server,
    and may well answer when this API does not. `login_per_repository`: a refused login says nothing about
    other repositories. Any other login is the operator's, and is not sent again once it was refused.
    """

    def __init__(
        self,
        http: HttpClient,
        base: str,
        host: str,
        login: Login,
        *,
        beside_registry: bool,
        login_per_repository: bool,
    ) -> None:
        self._http = http
        self._base = base
        self._host = host
        self._login = login
        self._beside_registry = beside_registry
        self._login_per_repository = login_per_repository
        self._refused: str | None = None

    async def fetch(self, request: RegistryRequest) -> RegistryResponse:
        """Raises RegistryError when there is no response, or the API refuses the login."""
        authorization = await self._login(request.path)
        if authorization and authorization == self._refused:
            raise self._login_refused()
        wire = HttpRequest(
            request.method,
            f"{self._base}{request.target}",
            {**request.headers, **({"Authorization": authorization} if authorization else {})},
            max_body_bytes=request.max_body_bytes,
            host_name=self._host,
            speaks_for_host=not self._beside_registry,
        )
        with registry_errors(request.what):
            response = await self._http.send(wire)
        if response.status == 401 and authorization and not self._login_per_repository:
            self._refused = authorization
            raise self._login_refused()
        return RegistryResponse(response, self._host, request)

    def _login_refused(self) -> RegistryError:
        return RegistryError(
            RegistryErrorCode.CREDENTIALS, f"{self._host} refused the login, which is not tried again."
        )

"""A server that is asked as it is: it is not negotiated with, and what it redirects to is not followed."""

from collections.abc import Awaitable, Callable

from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.registry.limits import HostLimits
from dockrev.registry.questions import Question
from dockrev.registry.transport import Answer, Transport, WireRequest

Login = Callable[[Question], Awaitable[str | None]]
"""Gives the value of the Authorization header, or None for an anonymous question."""


async def anonymous(_: Question) -> str | None:
    return None


class Desk:
    """Sends what `login` gives to `base` and nowhere else.

    `lasting`: it is a person's login and no short token, so once refused it is not sent again. `beside`: a
    registry stands here too, which may well answer when this does not.
    """

    def __init__(
        self,
        base: str,
        host: str,
        transport: Transport,
        limits: HostLimits,
        login: Login,
        *,
        lasting: bool = True,
        beside: bool = False,
    ) -> None:
        self._base = base
        self._host = host
        self._transport = transport
        self._limits = limits
        self._login = login
        self._lasting = lasting
        self._beside = beside
        self._refused: str | None = None

    async def ask(self, question: Question) -> Answer:
        """Raises RegistryError when there is no answer, or the login is refused."""
        authorization = await self._login(question)
        if authorization and authorization == self._refused:
            raise self._login_refused()
        headers = {**question.headers, **({"Authorization": authorization} if authorization else {})}
        url = f"{self._base}{question.target}"
        request = WireRequest(question.kind, question.method, url, headers, question.body_limit)
        answer = await self._limits.send(
            lambda: self._transport.send(request), question.what, telling=not self._beside
        )
        if answer.status == 401 and authorization and self._lasting:
            self._refused = authorization
            raise self._login_refused()
        return answer

    def _login_refused(self) -> RegistryError:
        return RegistryError(
            RegistryErrorCode.CREDENTIALS, f"{self._host} refused the login, which is not tried again."
        )

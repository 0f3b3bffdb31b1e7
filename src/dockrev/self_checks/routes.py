"""The routes for monitoring: liveness, version and readiness."""

from collections.abc import Mapping

from starlette.responses import PlainTextResponse, Response

from dockrev.self_checks.check import SelfCheck
from dockrev.self_checks.readiness import readiness
from dockrev.web.access import Access
from dockrev.web.identity import OptionalPrincipal
from dockrev.web.router import ApiRouter
from dockrev.web.wire import Wire, WireResponse


class VersionAnswer(Wire):
    version: str


class FindingOut(Wire):
    part: str
    ok: bool
    detail: str


class ReadyAnswer(Wire):
    """Only callers with an allowed identity get `parts`."""

    ready: bool
    parts: list[FindingOut] | None = None


class MonitoringRoutes:
    def __init__(self, version: str, checks: Mapping[str, SelfCheck]) -> None:
        """`checks` decide whether the server is ready. Their names are the parts that the answer lists."""
        self._version = version
        self._checks = checks
        self.router = ApiRouter(access=Access.PUBLIC, tags=["system"])
        add = self.router.add_api_route
        add("/api/health", self.health, methods=["GET"], response_class=PlainTextResponse)
        add("/api/version", self.version, methods=["GET"], response_model=VersionAnswer)
        add(
            "/api/ready",
            self.ready,
            methods=["GET"],
            response_model=ReadyAnswer,
            responses={503: {"model": ReadyAnswer, "description": "At least one part does not work"}},
        )

    async def health(self) -> Response:
        return PlainTextResponse("ok")

    async def version(self) -> VersionAnswer:
        return VersionAnswer(version=self._version)

    async def ready(self, principal: OptionalPrincipal) -> Response:
        parts = await readiness(self._checks)
        ready = all(part.ready for part in parts)
        listed = [FindingOut(part=part.part, ok=part.ready, detail=part.detail) for part in parts]
        answer = ReadyAnswer(ready=ready, parts=listed if principal else None)
        return WireResponse(answer, status_code=200 if ready else 503)

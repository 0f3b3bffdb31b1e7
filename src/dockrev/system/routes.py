"""Liveness, version and readiness: the routes that monitoring asks."""

from starlette.responses import PlainTextResponse, Response

from dockrev.system.readiness import Readiness
from dockrev.web.body import ApiRouter
from dockrev.web.identity import OptionalPrincipal
from dockrev.web.wire import Wire, WireResponse


class VersionAnswer(Wire):
    version: str


class FindingOut(Wire):
    part: str
    ok: bool
    detail: str


class ReadyAnswer(Wire):
    """`parts` only for callers who are let in."""

    ready: bool
    parts: list[FindingOut] | None = None


class SystemRoutes:
    def __init__(self, version: str, readiness: Readiness) -> None:
        self._version = version
        self._readiness = readiness
        self.router = ApiRouter(tags=["system"])
        add = self.router.add_api_route
        add("/api/health", self.health, methods=["GET"], response_class=PlainTextResponse)
        add("/api/version", self.version, methods=["GET"], response_model=VersionAnswer)
        add(
            "/api/ready",
            self.ready,
            methods=["GET"],
            response_model=ReadyAnswer,
            responses={503: {"model": ReadyAnswer, "description": "Some part does not work"}},
        )

    async def health(self) -> Response:
        return PlainTextResponse("ok")

    async def version(self) -> VersionAnswer:
        return VersionAnswer(version=self._version)

    async def ready(self, principal: OptionalPrincipal) -> Response:
        findings = await self._readiness.ask()
        ready = all(finding.ok for finding in findings)
        parts = [FindingOut(part=one.part, ok=one.ok, detail=one.detail) for one in findings]
        answer = ReadyAnswer(ready=ready, parts=parts if principal else None)
        return WireResponse(answer, status_code=200 if ready else 503)

"""The routes that list, add and remove ignore rules."""

from starlette.responses import Response

from dockrev.errors import InvalidArgument
from dockrev.ignores.models import MatchKind
from dockrev.ignores.store import IgnoreStore
from dockrev.ignores.values import fault
from dockrev.ignores.wire import (
    CreatedRule,
    CreateRule,
    DeletedRule,
    DeleteRule,
    RuleMatch,
    RulesAnswer,
    RuleScope,
    rule_out,
)
from dockrev.web.access import Access
from dockrev.web.envelope import responses
from dockrev.web.router import ApiRouter
from dockrev.web.wire import WireResponse

_PATH = "/api/ignores"


class IgnoreRoutes:
    def __init__(self, store: IgnoreStore) -> None:
        self._store = store
        self.router = ApiRouter(access=Access.IDENTITY, tags=["ignores"])
        add, errors = self.router.add_api_route, responses(503)
        add(_PATH, self.list, methods=["GET"], response_model=RulesAnswer, responses=errors)
        add(_PATH, self.create, methods=["POST"], response_model=CreatedRule, responses=errors)
        add(_PATH, self.delete, methods=["DELETE"], response_model=DeletedRule, responses=errors)

    async def list(self) -> Response:
        return WireResponse(RulesAnswer(rules=[rule_out(rule) for rule in await self._store.all()]))

    async def create(self, request: CreateRule) -> CreatedRule:
        service_id, kind = _service_of(request.scope), _kind_of(request.match)
        rule = await self._store.add(
            service_id, kind, request.match.value, request.note, enabled=request.enabled
        )
        return CreatedRule(rule_id=rule.id)

    async def delete(self, request: DeleteRule) -> DeletedRule:
        return DeletedRule(deleted=await self._store.remove(request.rule_id))


def _service_of(scope: RuleScope) -> str:
    if scope.type != "service":
        raise InvalidArgument("scope.type must be 'service'", {"field": "scope.type"})
    if not scope.service_id.strip():
        raise InvalidArgument("scope.serviceId must not be empty", {"field": "scope.serviceId"})
    return scope.service_id.strip()


def _kind_of(match: RuleMatch) -> MatchKind:
    if match.kind not in list(MatchKind):
        kinds = ", ".join(MatchKind)
        raise InvalidArgument(f"match.kind must be one of {kinds}", {"field": "match.kind"})
    kind = MatchKind(match.kind)
    if problem := fault(kind, match.value):
        raise InvalidArgument(f"match.value: {problem}", {"field": "match.value"})
    return kind

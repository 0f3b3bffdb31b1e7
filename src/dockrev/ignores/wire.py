"""Ignore rules in requests and responses of the API."""

from typing import Annotated

from pydantic import StrictBool, WithJsonSchema

from dockrev.ignores.models import IgnoreRule, MatchKind
from dockrev.ignores.values import fault
from dockrev.web.wire import Nullable, Wire

ScopeType = Annotated[str, WithJsonSchema({"type": "string", "enum": ["service"]})]
Kind = Annotated[str, WithJsonSchema({"type": "string", "enum": [kind.value for kind in MatchKind]})]


class RuleScope(Wire):
    type: ScopeType
    service_id: str


class RuleMatch(Wire):
    kind: Kind
    value: str


class RuleOut(Wire):
    """`problem`: why the rule can match nothing, such as a pattern that only an older release could read."""

    id: str
    enabled: bool
    scope: RuleScope
    match: RuleMatch
    note: Nullable[str]
    problem: str | None = None


class RulesAnswer(Wire):
    rules: list[RuleOut]


class CreateRule(Wire):
    enabled: StrictBool = True
    scope: RuleScope
    match: RuleMatch
    note: str | None = None


class CreatedRule(Wire):
    rule_id: str


class DeleteRule(Wire):
    rule_id: str


class DeletedRule(Wire):
    deleted: bool


def rule_out(rule: IgnoreRule) -> RuleOut:
    return RuleOut(
        id=rule.id,
        enabled=rule.enabled,
        scope=RuleScope(type="service", service_id=rule.service_id),
        match=RuleMatch(kind=rule.kind.value, value=rule.value),
        note=rule.note,
        problem=fault(rule.kind, rule.value),
    )

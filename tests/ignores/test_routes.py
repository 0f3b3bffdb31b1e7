"""The routes over ASGI, with the exact JSON of their answers."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from dockrev.config.shared import AuthConfig
from dockrev.db.database import Database
from dockrev.ignores.invalid_rules import log_invalid_rules
from dockrev.ignores.models import MatchKind
from dockrev.ignores.routes import IgnoreRoutes
from dockrev.ignores.store import IgnoreStore
from dockrev.stacks.models import Stack
from dockrev.web.application import create_web_app
from tests.fakes.clock import MovableClock
from tests.web.asgi import Answer, ask

PATH = "/api/ignores"


class Api:
    """The routes, and the service that has the rules."""

    def __init__(self, store: IgnoreStore, service_id: str) -> None:
        self.app = create_web_app([IgnoreRoutes(store).router], AuthConfig(), "1.0")
        self.store = store
        self.service_id = service_id

    async def create(self, **changes: Any) -> Answer:
        scope = {"type": "service", "serviceId": self.service_id} | changes.pop("scope", {})
        match = {"kind": "exact", "value": "1.2.3"} | changes.pop("match", {})
        return await self.send("POST", {"scope": scope, "match": match} | changes)

    async def send(self, method: str, body: object) -> Answer:
        return await ask(self.app, method, PATH, json_body=body)

    async def rules(self) -> Any:
        answer = await ask(self.app, "GET", PATH)
        assert answer.status == 200
        return answer.json()


@pytest.fixture
def api(database: Database, clock: MovableClock, blog: Stack) -> Api:
    return Api(IgnoreStore(database, clock), blog.services[0].id)


async def test_there_are_no_rules_at_first(api: Api) -> None:
    assert await api.rules() == {"rules": []}


async def test_a_rule_has_the_documented_shape(api: Api) -> None:
    answer = await api.create(match={"kind": "semver", "value": ">=2.0, <3.0"}, note="wait for plugins")
    assert answer.status == 200
    assert answer.json().keys() == {"ruleId"}
    assert await api.rules() == {
        "rules": [
            {
                "id": answer.json()["ruleId"],
                "enabled": True,
                "scope": {"type": "service", "serviceId": api.service_id},
                "match": {"kind": "semver", "value": ">=2.0, <3.0"},
                "note": "wait for plugins",
            }
        ]
    }


@pytest.mark.parametrize("note", [{}, {"note": None}])
async def test_a_note_that_is_not_set_is_null(api: Api, note: dict[str, None]) -> None:
    await api.create(enabled=False, **note)
    (rule,) = (await api.rules())["rules"]
    assert (rule["note"], rule["enabled"]) == (None, False)


@pytest.mark.parametrize(
    ("kind", "value"), [("exact", "1.2.3"), ("prefix", "1."), ("regex", ".*"), ("semver", "^1")]
)
async def test_all_four_kinds_are_accepted(api: Api, kind: str, value: str) -> None:
    assert (await api.create(match={"kind": kind, "value": value})).status == 200
    (rule,) = (await api.rules())["rules"]
    assert rule["match"] == {"kind": kind, "value": value}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scope": {"type": "stack"}}, "scope.type"),
        ({"scope": {"serviceId": ""}}, "scope.serviceId"),
        ({"scope": {"serviceId": "  "}}, "scope.serviceId"),
        ({"scope": {"serviceId": "svc_nobody"}}, "scope.serviceId"),
        ({"match": {"kind": "glob"}}, "match.kind"),
        ({"match": {"kind": "EXACT"}}, "match.kind"),
        ({"match": {"kind": "regex", "value": "("}}, "match.value"),
        ({"match": {"kind": "regex", "value": "a(?!b)"}}, "match.value"),
        ({"match": {"kind": "regex", "value": "a\0"}}, "match.value"),
        ({"match": {"kind": "exact", "value": ""}}, "match.value"),
        ({"match": {"kind": "exact", "value": "1\t"}}, "match.value"),
        ({"match": {"kind": "prefix", "value": "a" * 129}}, "match.value"),
        ({"match": {"kind": "semver", "value": ">=3, <2"}}, "match.value"),
        ({"match": {"kind": "regex", "value": "a" * 501}}, "match.value"),
        ({"match": {"kind": "semver", "value": "not a version"}}, "match.value"),
        ({"match": {"kind": "semver", "value": ""}}, "match.value"),
    ],
)
async def test_a_rule_that_can_never_match_is_refused_with_its_field(
    api: Api, changes: Any, field: str
) -> None:
    answer = await api.create(**changes)
    assert answer.status == 400
    assert answer.json()["error"]["code"] == "invalid_argument"
    assert answer.json()["error"]["details"]["field"] == field
    assert await api.rules() == {"rules": []}


async def test_the_refusal_of_a_pattern_has_the_message_of_re2(api: Api) -> None:
    answer = await api.create(match={"kind": "regex", "value": "^1\\.(?!2)"})
    assert answer.json()["error"] == {
        "code": "invalid_argument",
        "message": "match.value: not a regular expression: invalid perl operator: (?!",
        "details": {"field": "match.value"},
    }


@pytest.mark.parametrize("pattern", ["(a+)+$", r"(?:\.\d+){2}", "(x|xx)*"])
async def test_repeated_groups_are_accepted(api: Api, pattern: str) -> None:
    assert (await api.create(match={"kind": "regex", "value": pattern})).status == 200


async def test_a_rule_of_an_older_release_says_why_it_matches_nothing_and_can_be_deleted(api: Api) -> None:
    """Earlier releases accepted other expressions."""
    dead = await api.store.add(api.service_id, MatchKind.REGEX, "a(?!b)", None, enabled=True)
    await api.create()
    sound, broken = (await api.rules())["rules"]
    assert broken["problem"] == "not a regular expression: invalid perl operator: (?!"
    assert "problem" not in sound
    assert (await api.send("DELETE", {"ruleId": dead.id})).json() == {"deleted": True}
    assert (await api.rules())["rules"] == [sound]


async def test_the_start_logs_each_rule_that_can_match_nothing(api: Api) -> None:
    await api.create()
    dead = await api.store.add(api.service_id, MatchKind.REGEX, r"(a)\1", None, enabled=True)
    with capture_logs() as lines:
        await log_invalid_rules(api.store)
    assert [(line["action"], line["log_level"], line["rule"]) for line in lines] == [
        ("ignores.invalid", "warning", dead.id)
    ]
    assert "invalid escape sequence" in lines[0]["problem"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scope"),
        ({"scope": {"type": "service"}, "match": {"kind": "exact", "value": "1"}}, "scope.serviceId"),
        ({"scope": {"type": "service", "serviceId": "x"}, "match": {"kind": "exact"}}, "match.value"),
        ({"scope": {"type": "service", "serviceId": "x"}, "match": {"kind": 1, "value": "1"}}, "match.kind"),
        ({"scope": [], "match": {"kind": "exact", "value": "1"}}, "scope"),
    ],
)
async def test_a_body_of_another_shape_is_refused_with_its_field(api: Api, body: Any, field: str) -> None:
    answer = await api.send("POST", body)
    assert answer.status == 400
    assert answer.json()["error"]["details"]["errors"][0]["field"] == field


@pytest.mark.parametrize("changes", [{"enabled": "yes"}, {"enabled": None}, {"note": 7}])
async def test_types_are_not_converted(api: Api, changes: dict[str, Any]) -> None:
    assert (await api.create(**changes)).status == 400


async def test_a_rule_is_deleted_once(api: Api) -> None:
    rule_id = (await api.create()).json()["ruleId"]
    for deleted in (True, False):
        answer = await api.send("DELETE", {"ruleId": rule_id})
        assert (answer.status, answer.json()) == (200, {"deleted": deleted})
    assert await api.rules() == {"rules": []}


@pytest.mark.parametrize("body", [{}, {"ruleId": None}, [], "x"])
async def test_deleting_needs_the_id(api: Api, body: object) -> None:
    assert (await api.send("DELETE", body)).status == 400


async def test_rules_need_an_identity(api: Api) -> None:
    closed = create_web_app([IgnoreRoutes(api.store).router], AuthConfig(allowed_user="ann"), "1.0")
    for method in ("GET", "POST", "DELETE"):
        assert (await ask(closed, method, PATH, json_body={})).status == 401

"""Request bodies of every kind. The answer is that of the route, or an error envelope."""

import json
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from fastapi import Body, Request
from pydantic import StrictBool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from dockrev.config.shared import AuthConfig
from dockrev.errors import InvalidArgument
from dockrev.web.access import Access
from dockrev.web.application import create_web_app
from dockrev.web.body import MAX_BODY_BYTES, parse_json
from dockrev.web.router import ApiRouter
from dockrev.web.wire import SafeInteger, Wire, WireResponse
from tests.web.asgi import ask
from tests.web.serving import serving


class Target(Wire):
    service_id: str
    pull_tags: tuple[str, ...] = ()


class Update(Wire):
    name: str = ""
    scope: Annotated[str, Body(pattern="^(all|stack)$")] = "all"
    count: SafeInteger = 0
    dry_run: StrictBool = False
    ratio: float = 0.0
    targets: tuple[Target, ...] = ()


JSON = {"content-type": "application/json"}


def app() -> ASGIApp:
    router = ApiRouter(access=Access.IDENTITY)

    @router.post("/api/updates", response_model=Update)
    async def update(update: Update) -> WireResponse:
        return WireResponse(update)

    @router.post("/api/refresh/{service_id}")
    async def refresh(service_id: str, target: Target | None = None) -> PlainTextResponse:
        return PlainTextResponse(target.service_id if target else f"{service_id} without a body")

    @router.post("/api/scans")
    async def scan() -> PlainTextResponse:
        return PlainTextResponse("scanned")

    @router.put("/api/raw")
    async def raw(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{len(await request.body())} bytes")

    return create_web_app([router], AuthConfig(), "1.2.3")


MALFORMED: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "body"),
    ("blanks", b"  \n", "body"),
    ("half an object", b'{"name":', "body"),
    ("two objects", b"{}{}", "body"),
    ("a trailing comma", b'{"name":"a",}', "body"),
    ("single quotes", b"{'name':'a'}", "body"),
    ("a comment", b"{} // done", "body"),
    ("a list", b"[]", "body"),
    ("a string", b'"all"', "body"),
    ("a number", b"7", "body"),
    ("null", b"null", "body"),
    ("a form", b"name=a&scope=all", "body"),
    ("XML", b"<update/>", "body"),
    ("NaN", b'{"ratio":NaN}', "body"),
    ("Infinity", b'{"ratio":Infinity}', "body"),
    ("a float beyond range", b'{"ratio":1e400}', "body"),
    ("an integer beyond 53 bits", b'{"count":9007199254740992}', "count"),
    ("an integer of 30 digits", b'{"count":' + b"9" * 30 + b"}", "count"),
    ("an integer below 53 bits", b'{"count":-9007199254740992}', "count"),
    ("an integer of 5000 digits", b'{"count":' + b"9" * 5000 + b"}", "body"),
    ("a lone high surrogate", b'{"name":"\\ud800"}', "body"),
    ("a lone low surrogate", b'{"name":"\\udc00"}', "body"),
    ("surrogates in the wrong order", b'{"name":"\\udc00\\ud800"}', "body"),
    ("a surrogate as a key", b'{"\\ud800":1}', "body"),
    ("an encoded surrogate", b'{"name":"\xed\xa0\x80"}', "body"),
    ("broken UTF-8", b'{"name":"\xff\xfe"}', "body"),
    ("UTF-16", '{"name":"a"}'.encode("utf-16"), "body"),
    ("a byte order mark", b'\xef\xbb\xbf{"name":"a"}', "body"),
    ("a bare NUL", b'{"name":"\x00"}', "body"),
    ("a bare line break in a text", b'{"name":"\n"}', "body"),
    ("deep lists", b"[" * 100_000, "body"),
    ("deep and closed lists", b"[" * 5000 + b"]" * 5000, "body"),
    ("deep objects", b'{"a":' * 5000 + b"1" + b"}" * 5000, "body"),
    ("too long", b'{"name":"' + b"a" * MAX_BODY_BYTES + b'"}', "body"),
    ("too long blanks", b" " * (MAX_BODY_BYTES + 1), "body"),
    ("a number as text", b'{"name":1}', "name"),
    ("null as text", b'{"name":null}', "name"),
    ("a list as text", b'{"name":[]}', "name"),
    ("a text as number", b'{"count":"1"}', "count"),
    ("a switch as number", b'{"count":true}', "count"),
    ("a fraction as integer", b'{"count":1.5}', "count"),
    ("a text as switch", b'{"dryRun":"yes"}', "dryRun"),
    ("a number as switch", b'{"dryRun":1}', "dryRun"),
    ("an unknown word", b'{"scope":"everything"}', "scope"),
    ("an object as list", b'{"targets":{}}', "targets"),
    ("a hole in a list", b'{"targets":[null]}', "targets[0]"),
    ("a missing field inside", b'{"targets":[{"serviceId":"a"},{}]}', "targets[1].serviceId"),
    ("a wrong type inside", b'{"targets":[{"serviceId":"a","pullTags":["t",2]}]}', "targets[0].pullTags[1]"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field"), [c[1:] for c in MALFORMED], ids=[c[0] for c in MALFORMED])
async def test_a_malformed_body_is_an_invalid_argument(body: bytes, field: str) -> None:
    answer = await ask(app(), "POST", "/api/updates", body=body, headers=JSON)
    assert answer.status == 400
    error = answer.json()["error"]
    assert error["code"] == "invalid_argument"
    assert [fault["field"] for fault in error["details"]["errors"]] == [field]
    assert error["details"]["errors"][0]["message"]


async def test_every_fault_of_a_body_is_named_at_once() -> None:
    answer = await ask(app(), "POST", "/api/updates", json_body={"count": "1", "dryRun": 3, "targets": [{}]})
    fields = [fault["field"] for fault in answer.json()["error"]["details"]["errors"]]
    assert fields == ["count", "dryRun", "targets[0].serviceId"]


class Why(StrEnum):
    ASKED = "asked"
    DUE = "due"
    OTHER = "other"


class Reasoned(Wire):
    why: Why = Why.ASKED
    some: Literal[Why.ASKED, Why.DUE] = Why.ASKED
    paths: dict[str, Why] | None = None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"why": "x"}, "why: Input should be 'asked', 'due' or 'other'"),
        ({"some": "other"}, "some: Input should be 'asked' or 'due'"),
        ({"paths": {"/a": "x"}}, "paths./a: Input should be 'asked', 'due' or 'other'"),
        ({"paths": []}, "paths: Input should be an object"),
        ([], "body: Input should be an object"),
    ],
)
async def test_an_error_lists_the_allowed_values_as_the_api_writes_them(body: object, message: str) -> None:
    router = ApiRouter(access=Access.IDENTITY)

    @router.post("/api/reasons")
    async def reasons(reasoned: Reasoned) -> WireResponse:
        return WireResponse(reasoned)

    answer = await ask(create_web_app([router], AuthConfig(), "1"), "POST", "/api/reasons", json_body=body)
    assert (answer.status, answer.json()["error"]["message"]) == (400, message)


@pytest.mark.parametrize("target", ["svc_1", 7, None, ["svc_1"]])
async def test_the_error_names_the_member_of_a_list_that_is_not_an_object(target: object) -> None:
    answer = await ask(app(), "POST", "/api/updates", json_body={"targets": [target]})
    assert answer.json()["error"]["message"] == "targets[0]: Input should be an object"


async def test_an_error_does_not_repeat_the_values_that_were_sent() -> None:
    answer = await ask(app(), "POST", "/api/updates", json_body={"scope": "hunter2", "count": "hunter2"})
    assert answer.status == 400
    assert b"hunter2" not in answer.body


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("größer", "größer"),
        ("🐋", "🐋"),
        ("a\\u0000b", "a\\u0000b"),
        ("1234567890123456789012345", "1234567890123456789012345"),
        ("\x7f\t\n", "\x7f\t\n"),
    ],
    ids=["umlaut", "whale", "the letters of an escape", "digits", "control characters"],
)
async def test_unusual_text_comes_back_unchanged(name: str, written: str) -> None:
    answer = await ask(app(), "POST", "/api/updates", json_body={"name": name})
    assert (answer.status, answer.json()["name"]) == (200, written)


@pytest.mark.parametrize("count", [2**53 - 1, 1 - 2**53, 10**15, 0, -1])
async def test_safe_integers_are_exact(count: int) -> None:
    answer = await ask(app(), "POST", "/api/updates", json_body={"count": count})
    assert answer.json()["count"] == count


async def test_a_whole_number_may_be_written_as_a_fraction() -> None:
    answer = await ask(app(), "POST", "/api/updates", body=b'{"count":-12.0}', headers=JSON)
    assert answer.json()["count"] == -12


async def test_unknown_fields_are_ignored() -> None:
    answer = await ask(app(), "POST", "/api/updates", json_body={"name": "a", "colour": "blue"})
    assert answer.json()["name"] == "a"
    assert "colour" not in answer.json()


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", ";"]
)
async def test_a_body_without_the_content_type_of_json_is_refused(content_type: str) -> None:
    headers = {"content-type": content_type}
    answer = await ask(app(), "POST", "/api/updates", body=b"{}", headers=headers)
    assert answer.status == 400
    assert answer.json()["error"]["message"] == "body: Content-Type must be application/json"


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
async def test_the_content_type_may_have_capitals_and_parameters(content_type: str) -> None:
    headers = {"content-type": content_type}
    assert (await ask(app(), "POST", "/api/updates", body=b"{}", headers=headers)).status == 200


async def test_an_optional_body_may_be_missing_but_not_malformed() -> None:
    assert (await ask(app(), "POST", "/api/refresh/s")).body == b"s without a body"
    assert (await ask(app(), "POST", "/api/refresh/s", json_body={"serviceId": "t"})).body == b"t"
    assert (await ask(app(), "POST", "/api/refresh/s", body=b"{", headers=JSON)).status == 400


@pytest.mark.parametrize("body", [b"", b"{broken", b"\xff"])
async def test_a_route_that_takes_no_body_ignores_one(body: bytes) -> None:
    assert (await ask(app(), "POST", "/api/scans", body=body, headers=JSON)).body == b"scanned"


async def test_a_raw_body_is_limited_too() -> None:
    fits = await ask(app(), "PUT", "/api/raw", body=b"x" * MAX_BODY_BYTES)
    assert fits.body == b"1048576 bytes"
    assert (await ask(app(), "PUT", "/api/raw", body=b"x" * (MAX_BODY_BYTES + 1))).status == 400


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/refresh/%00", 400),
        ("/api/refresh/a%00b", 400),
        ("/api/refresh/s?x=%00", 400),
        ("/api/refresh/%zz", 200),
        ("/api/refresh/%", 200),
        ("/api/refresh/%ff%fe", 200),
        ("/api/refresh/%ed%a0%80", 200),
        ("/api/refresh/s?x=%ff&x=%zz&&=&;", 200),
        ("/api/refresh/a%2fb", 404),
        ("/api/refresh/../raw", 404),
        ("/api/refresh/" + "a" * 20_000, 200),
    ],
)
async def test_an_unusual_url_gets_an_answer_of_the_api(target: str, status: int) -> None:
    answer = await ask(app(), "POST", target)
    assert answer.status == status
    if status >= 400:
        assert answer.json()["error"]["code"] in {"invalid_argument", "not_found"}


async def test_an_endless_body_is_refused_at_the_limit() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65536

    async with (
        serving(app()) as served,
        served.client.post("/api/updates", data=endless(), headers=JSON) as response,
    ):
        assert response.status == 400
        assert "longer than" in (await response.json())["error"]["message"]


async def test_nul_becomes_the_replacement_character() -> None:
    body = {"name": "a\x00b", "targets": [{"serviceId": "\x00"}], "un\x00known": ["\x00", 1, None]}
    answer = await ask(app(), "POST", "/api/updates", json_body=body)
    assert answer.json()["name"] == "a\ufffdb"
    assert answer.json()["targets"][0]["serviceId"] == "\ufffd"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (rb'"\u0000\u0000"', "\ufffd\ufffd"),
        (rb'"\\u0000"', "\\u0000"),
        (rb'"\\\u0000"', "\\\ufffd"),
        (rb'"\\\\u0000\u0000"', "\\\\u0000\ufffd"),
    ],
)
def test_an_escaped_backslash_before_u0000_is_not_an_escape_of_nul(text: bytes, parsed: str) -> None:
    assert parse_json(text) == parsed


async def test_nul_is_replaced_at_every_depth() -> None:
    body = b'{"other":' + b"[" * 1000 + b'"\\u0000"' + b"]" * 1000 + b"}"
    assert (await ask(app(), "POST", "/api/updates", body=body, headers=JSON)).status == 200


@pytest.mark.parametrize("text", ["[]", '{"a":[1,2.5,null,true,{"b":"ü"}]}', "0", '"\\\\u0000"'])
def test_other_documents_are_parsed_unchanged(text: str) -> None:
    assert parse_json(text.encode()) == json.loads(text)


def test_the_parser_error_is_the_cause_of_the_refusal() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse_json(b"{")
    assert isinstance(refusal.value.__cause__, ValueError)

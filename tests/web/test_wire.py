import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from dockrev.web.wire import Nullable, Timestamp, Wire, WireResponse, dump


class Image(Wire):
    image_ref: str
    resolved_tag: str | None = None


class Service(Wire):
    service_id: str
    image: Image
    candidate: Image | None = None
    repo_url: Nullable[str]
    last_error: Nullable[str] = None
    others: tuple[Image, ...] = ()


class Checked(Wire):
    checked_at: Timestamp
    retry_at: Timestamp | None = None


SERVICE = Service(service_id="svc_1", image=Image(image_ref="nginx"), repo_url=None)


def test_keys_are_camel_case_and_none_is_left_out_unless_it_is_nullable() -> None:
    assert json.loads(dump(SERVICE)) == {
        "serviceId": "svc_1",
        "image": {"imageRef": "nginx"},
        "repoUrl": None,
        "lastError": None,
        "others": [],
    }


def test_present_values_are_written_at_every_depth() -> None:
    image = Image(image_ref="nginx:1", resolved_tag="1.27.0")
    full = SERVICE.model_copy(update={"candidate": image, "others": (image,), "repo_url": "u"})
    written = json.loads(dump(full))
    assert written["candidate"] == {"imageRef": "nginx:1", "resolvedTag": "1.27.0"}
    assert written["others"] == [written["candidate"]]
    assert written["repoUrl"] == "u"


def test_empty_values_are_not_left_out() -> None:
    assert json.loads(dump(Image(image_ref="", resolved_tag=""))) == {"imageRef": "", "resolvedTag": ""}


def test_a_subclass_leaves_out_what_its_parent_does() -> None:
    class Detail(Image):
        digest: str | None = None

    assert json.loads(dump(Detail(image_ref="a"))) == {"imageRef": "a"}


def test_input_has_camel_case_keys_and_unknown_keys_are_ignored() -> None:
    assert Image.model_validate({"imageRef": "a", "colour": 1}) == Image(image_ref="a")


def test_a_missing_nullable_without_default_is_an_error() -> None:
    with pytest.raises(ValidationError, match="repoUrl"):
        Service.model_validate({"serviceId": "s", "image": {"imageRef": "a"}})


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 3, 20, 8, 15, 30, 482913, tzinfo=UTC), "2026-03-20T08:15:30.482913Z"),
        (datetime(2026, 3, 20, 8, 15, 30, tzinfo=UTC), "2026-03-20T08:15:30.000000Z"),
        (datetime(2026, 3, 20, 9, 15, tzinfo=timezone(timedelta(hours=1))), "2026-03-20T08:15:00.000000Z"),
    ],
)
def test_timestamps_are_utc_with_six_digits(moment: datetime, text: str) -> None:
    assert json.loads(dump(Checked(checked_at=moment, retry_at=moment))) == {
        "checkedAt": text,
        "retryAt": text,
    }
    assert Checked.model_validate({"checkedAt": text}).checked_at == moment


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValidationError):
        Checked.model_validate({"checkedAt": "2026-03-20T08:15:30"})


def test_an_answer_is_json_with_its_length() -> None:
    response = WireResponse(Image(image_ref="ü"), status_code=202)
    assert response.status_code == 202
    assert response.body == '{"imageRef":"ü"}'.encode()
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-length"] == "17"


def test_the_schema_of_an_answer_has_null_only_for_nullable_fields() -> None:
    schema = Service.model_json_schema(mode="serialization")
    assert schema["properties"]["candidate"] == {"$ref": "#/$defs/Image"}
    assert {"type": "null"} in schema["properties"]["repoUrl"]["anyOf"]
    assert schema["$defs"]["Image"]["properties"]["resolvedTag"]["type"] == "string"
    assert "default" not in schema["$defs"]["Image"]["properties"]["resolvedTag"]
    assert schema["required"] == ["serviceId", "image", "repoUrl", "lastError", "others"]
    checked = Checked.model_json_schema(mode="serialization")
    assert checked["properties"]["retryAt"]["format"] == "date-time"
    assert "anyOf" not in checked["properties"]["retryAt"]


def test_the_schema_of_a_request_accepts_null() -> None:
    schema = Image.model_json_schema(mode="validation")
    assert {"type": "null"} in schema["properties"]["resolvedTag"]["anyOf"]

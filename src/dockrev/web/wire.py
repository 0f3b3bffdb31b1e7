"""The JSON of requests and answers. Its keys are camelCase, and the fields of the models snake_case."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, to_json, to_jsonable_python
from starlette.responses import Response

from dockrev.clock import timestamp

Value = TypeVar("Value")
Document = TypeVar("Document", bound="Wire")


class _SentAsNull:
    """Marks fields whose None is written as null."""


Nullable = Annotated[Value | None, _SentAsNull()]
"""`old_digest: Nullable[str]`: the key is always there, its value may be null."""

Timestamp = Annotated[
    AwareDatetime,
    PlainSerializer(timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""Answers have RFC 3339 in UTC with six fractional digits. Requests may have any time with an offset."""


def _number(value: object) -> object:
    if isinstance(value, str | bool):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


SafeInteger = Annotated[int, BeforeValidator(_number), Field(ge=1 - 2**53, le=2**53 - 1)]
"""A whole number that every JSON parser reads exactly (RFC 8259 6): `1` and `1.0`, not `"1"` or `true`."""


class Wire(BaseModel):
    """The model of a request or an answer.

    An answer leaves out a field that is None (`digest: str | None = None`), unless the field is `Nullable`.
    Unknown fields of a request are ignored. Declare numbers as SafeInteger and booleans as StrictBool, since
    plain `int` and `bool` accept "1" and "yes" too.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        frozen=True,
        allow_inf_nan=False,
    )

    def document(self) -> dict[str, Any]:
        """The model as JSON values, for the database."""
        return self.model_dump(mode="json")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        optional = _optional_fields(cls)
        for name in optional:
            cls.model_fields[name].exclude_if = _is_none
        if optional:
            cls.model_rebuild(force=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core_schema)
        if handler.mode == "serialization":
            own = handler.resolve_ref_schema(schema)
            properties, optional = own.get("properties", {}), _optional_fields(cls)
            names = {name: field.serialization_alias or name for name, field in cls.model_fields.items()}
            for name in optional:
                _drop_null(properties[names[name]])
            if required := [alias for name, alias in names.items() if name not in optional]:
                own["required"] = required
        return schema


def _optional_fields(model: type[Wire]) -> list[str]:
    return [
        name
        for name, field in model.model_fields.items()
        if NoneType in get_args(field.annotation)
        and not any(isinstance(mark, _SentAsNull) for mark in field.metadata)
    ]


def _is_none(value: object) -> bool:
    return value is None


def _drop_null(schema: JsonSchemaValue) -> None:
    """An answer leaves the key out, and never contains null for it."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        schema.update(choices[0])
    elif choices:
        schema["anyOf"] = choices
    if schema.get("default", ...) is None:
        del schema["default"]


def by_type(models: Sequence[type[Wire]]) -> Any:
    """The annotation for a union of these models, with `type` as the discriminator."""
    union = reduce(or_, models)
    return Annotated[union, Field(discriminator="type")] if len(models) > 1 else union


def dump(wire: Wire) -> bytes:
    """The JSON text of an answer."""
    return to_json(wire, by_alias=True)


def read_leniently(model: type[Document], stored: Mapping[str, Any]) -> Document:
    """Reads a document that an earlier release stored. Parts that do not fit the model are left out.

    Raises ValidationError when the rest lacks a required field.
    """
    document = to_jsonable_python(stored)
    while True:
        try:
            return model.model_validate(document)
        except ValidationError as error:
            fault = error.errors()[0]
            lacks = fault["type"] == "missing"
            if not _leave_out(document, fault["loc"][:-1] if lacks else fault["loc"]):
                raise


def _leave_out(document: Any, location: Sequence[int | str]) -> bool:
    """Deletes the innermost part of this path that exists. Returns False when none exists."""
    holder, key = None, None
    for part in location:
        try:
            inner = document[part]
        except (KeyError, IndexError, TypeError):
            break
        holder, key, document = document, part, inner
    if holder is None:
        return False
    del holder[key]
    return True


class WireResponse(Response):
    """Answers with a Wire model directly, because FastAPI would validate and copy the model first."""

    media_type = "application/json"

    def __init__(self, wire: Wire, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(dump(wire), status_code=status_code, headers=headers)


class Done(Wire):
    """The answer of a route that only confirms its success."""

    ok: bool = True

"""Query parameters: `?page=` without a value is no value."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, slots=True)
class _Blank:
    means: object

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._filled, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "string", "pattern": r"^\s*$"}]}

    def _filled(self, value: object) -> object:
        return self.means if isinstance(value, str) and not value.strip() else value


def blank_means(default: object) -> _Blank:
    """For the annotation of a parameter: `page: Annotated[int, blank_means(1)] = 1`."""
    return _Blank(default)

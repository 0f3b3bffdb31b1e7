"""The events of a stream in the OpenAPI document: one union, told apart by `type`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from dockrev.web.wire import Wire, by_type

_TEXT = {"type": "string"}
_REF = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class EventSchema:
    """`name` is that of the union in the document. Each model has a `type` of its own."""

    name: str
    models: Sequence[type[Wire]]

    def schemas(self) -> dict[str, Any]:
        """The union and every model that it needs, by name."""
        schema = TypeAdapter(by_type(self.models)).json_schema(
            mode="serialization", ref_template=_REF + "{model}"
        )
        return {**schema.pop("$defs"), self.name: schema}

    def stream(self) -> dict[str, Any]:
        """Of one event on the stream. Its `data` is a JSON text."""
        data = {
            **_TEXT,
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": _REF + self.name},
        }
        return {
            "type": "object",
            "description": f"One event. `data` is the JSON text of a {self.name}.",
            "properties": {"id": _TEXT, "event": _TEXT, "data": data},
            "required": ["event", "data"],
        }

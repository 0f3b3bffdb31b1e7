"""Describes the events of a stream in the OpenAPI document, as a union whose members differ in `type`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, create_model

from dockrev.web.wire import Wire, by_type

_TEXT = {"type": "string"}
_REF = "#/components/schemas/"


@cache
def stamped(event: type[Wire], stamp: type[Wire]) -> type[Wire]:
    """The model of an event with the fields that its stream adds. It keeps the name of the event's model."""
    return create_model(event.__name__, __base__=(event, stamp), __doc__=event.__doc__)


@dataclass(frozen=True, slots=True)
class EventSchema:
    """`name` is the name of the union in the document. Each model has its own `type`."""

    name: str
    models: Sequence[type[Wire]]

    def schemas(self) -> dict[str, Any]:
        """The schemas of the union and of every model in it, by name."""
        schema = TypeAdapter(by_type(self.models)).json_schema(
            mode="serialization", ref_template=_REF + "{model}"
        )
        return {**schema.pop("$defs"), self.name: schema}

    def stream(self) -> dict[str, Any]:
        """The schema of one event on the stream. Its `data` is a JSON text."""
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

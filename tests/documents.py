"""Holds what the API answers and sends against the served OpenAPI document, and lets nothing else pass."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema_rs import Draft202012Validator

Schema = Mapping[str, Any]

_VALIDATORS: dict[int, tuple[Schema, dict[str, Draft202012Validator]]] = {}
"""By the id of a document, which is kept so that no other gets its id."""


def _closed(node: Any) -> Any:
    """In which an object has no key but those that the schema names."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    inner = {key: _closed(value) for key, value in node.items()}
    if "properties" in inner and inner.get("type") == "object":
        inner.setdefault("additionalProperties", False)
    return inner


def faults(document: Schema, name: str, value: object) -> list[str]:
    """What of the value is not as the schema of this name says."""
    return [
        f"{error.instance_path}: {error.message}" for error in _validator(document, name).iter_errors(value)
    ]


def _validator(document: Schema, name: str) -> Draft202012Validator:
    """Made once for each document and name: a story holds hundreds of events against the same schema."""
    known, validators = _VALIDATORS.setdefault(id(document), (document, {}))
    assert known is document
    if name not in validators:
        schemas = {key: _closed(one) for key, one in document["components"]["schemas"].items()}
        schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        validators[name] = Draft202012Validator(schema)
    return validators[name]


def loose(node: Any, path: str = "#") -> Iterator[str]:
    """The places of a document whose schema lets any value pass."""
    if isinstance(node, dict):
        yield from (f"{path}/{place}" for place, schema in _schemas_in(node) if _lets_anything_pass(schema))
        children: list[tuple[Any, Any]] = list(node.items())
    else:
        children = list(enumerate(node)) if isinstance(node, list) else []
    for key, value in children:
        yield from loose(value, f"{path}/{key}")


def _schemas_in(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for keyword in ("schema", "items", "additionalProperties"):
        if keyword in node:
            yield keyword, node[keyword]
    for keyword in ("anyOf", "oneOf", "allOf"):
        yield from ((f"{keyword}/{index}", one) for index, one in enumerate(node.get(keyword, ())))
    properties = node.get("properties")
    if isinstance(properties, dict):
        yield from ((f"properties/{name}", one) for name, one in properties.items())


def _lets_anything_pass(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return schema is True
    if not set(schema) & {"type", "$ref", "anyOf", "oneOf", "allOf", "const", "enum"}:
        return True
    if schema.get("type") == "object":
        return not set(schema) & {"properties", "additionalProperties"} or not schema.get("properties", True)
    return schema.get("type") == "array" and "items" not in schema

"""A section of the settings, and how a request changes it."""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from dockrev.errors import InvalidArgument
from dockrev.settings.secret import Secret, keeps_secret
from dockrev.web.invalid_input import invalid_fields
from dockrev.web.wire import Wire


class Section(Wire):
    """The settings of a feature. Every field has a default, which applies until a value is stored.

    A field for a password or token has the type `Secret | None`.
    """

    # The text of a validation error must not repeat a secret.
    model_config = ConfigDict(hide_input_in_errors=True)

    section_name: ClassVar[str]
    """The key of the section in the database and its name in the API."""


AnySection = TypeVar("AnySection", bound=Section)


def changed(current: AnySection, document: Mapping[str, Any]) -> AnySection:
    """Returns the section after a request that replaces it.

    A missing field gets its default. A secret is different, since answers show only its mask: it stays when
    it is missing, blank or the mask, and null deletes it. Raises InvalidArgument, which names wrong fields.
    """
    try:
        return type(current).model_validate(_with_kept_secrets(current, document))
    except ValidationError as error:
        raise _invalid(current.section_name, error) from None


def _invalid(section_name: str, error: ValidationError) -> InvalidArgument:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return invalid_fields([{**fault, "loc": ("body", section_name, *fault["loc"])} for fault in faults])


def _is_secret(annotation: object) -> bool:
    return annotation is Secret or Secret in get_args(annotation)


def _with_kept_secrets(current: BaseModel, document: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(document)
    for name, field in type(current).model_fields.items():
        key, value = field.alias or name, getattr(current, name)
        sent = merged.get(key, "")
        if _is_secret(field.annotation) and keeps_secret(sent):
            merged[key] = value
        elif isinstance(value, BaseModel) and isinstance(sent, Mapping):
            merged[key] = _with_kept_secrets(value, sent)
    return merged

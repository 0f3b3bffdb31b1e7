"""Query parameters: `?page=` without a value is no value."""

from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints

_Blank = Annotated[str, StringConstraints(pattern=r"^\s*$")]


def blank_means(default: object, otherwise: Any) -> BeforeValidator:
    """For the annotation of a parameter: `page: Annotated[int, blank_means(1, int)] = 1`.

    `otherwise`: the type of a value that is not blank; the served document announces both.
    """
    return BeforeValidator(
        lambda value: default if isinstance(value, str) and not value.strip() else value,
        json_schema_input_type=otherwise | _Blank,
    )

"""Query parameters. A blank value, as in `?page=`, counts as missing."""

from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints

_Blank = Annotated[str, StringConstraints(pattern=r"^\s*$")]


def blank_means(default: object, otherwise: Any) -> BeforeValidator:
    """Annotates a parameter: `page: Annotated[int, blank_means(1, int)] = 1`.

    `otherwise` is the type of a value that is not blank. The OpenAPI document shows both.
    """
    return BeforeValidator(
        lambda value: default if isinstance(value, str) and not value.strip() else value,
        json_schema_input_type=otherwise | _Blank,
    )

"""Query parameters: `?page=` without a value is no value."""

from pydantic import BeforeValidator


def blank_means(default: object) -> BeforeValidator:
    """For the annotation of a parameter: `page: Annotated[int, blank_means(1)] = 1`."""
    return BeforeValidator(lambda value: default if isinstance(value, str) and not value.strip() else value)

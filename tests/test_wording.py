"""Numbers and the forms of their nouns."""

import pytest

from dockrev.wording import counted


@pytest.mark.parametrize(
    ("number", "noun", "several", "expected"),
    [
        (0, "service", None, "0 services"),
        (1, "service", None, "1 service"),
        (2, "service", None, "2 services"),
        (1, "entry", "entries", "1 entry"),
        (12, "entry", "entries", "12 entries"),
        (1, "service waits", "services wait", "1 service waits"),
        (3, "service waits", "services wait", "3 services wait"),
    ],
)
def test_a_noun_agrees_with_its_number(number: int, noun: str, several: str | None, expected: str) -> None:
    assert counted(number, noun, several) == expected

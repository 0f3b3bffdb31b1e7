import pytest

from dockrev.cli.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, häuser, 日本 'x'", "plain, häuser, 日本 'x'"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\tc\x07\x7f", "a\\r\\nb\\tc\\x07\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eexe.txt", "\\u202eexe.txt"),
        ("\udcff", "\\udcff"),
    ],
)
def test_control_characters_become_visible_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown

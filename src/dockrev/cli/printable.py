"""Makes texts of other programs (names, labels, paths) safe for a terminal."""


def printable(text: str) -> str:
    """Writes control and invisible characters as escapes, so that `\\x1b` does not change the colours."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

"""What other programs chose (names, labels, paths) must not command the terminal."""


def printable(text: str) -> str:
    """Control and invisible characters as escapes: `\\x1b` instead of what would change the colour."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)

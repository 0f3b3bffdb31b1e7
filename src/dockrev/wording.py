"""Writes numbers with their nouns."""


def counted(number: int, noun: str, several: str | None = None) -> str:
    """`1 service`, `2 services`. `several` is the plural of a noun that does not end with `s`."""
    return f"{number} {noun if number == 1 else several or f'{noun}s'}"

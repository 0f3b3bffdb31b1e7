"""Numbers with their nouns, as people write them."""


def counted(number: int, noun: str, several: str | None = None) -> str:
    """`1 service`, `2 services`; `several` where an `s` does not make the plural."""
    return f"{number} {noun if number == 1 else several or f'{noun}s'}"

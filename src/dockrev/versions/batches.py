"""Splits values into batches, because SQLite limits the number of values in one query."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

_BATCH = 1_000

Key = TypeVar("Key", bound=str)


def batches(values: Iterable[Key]) -> Iterator[list[Key]]:
    """Returns each value once, in sorted order."""
    ordered = sorted(set(values))
    return (ordered[first : first + _BATCH] for first in range(0, len(ordered), _BATCH))

"""The figures of a bench with their limits, and the table that shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Bound(StrEnum):
    AT_MOST = "<="
    AT_LEAST = ">="


class Verdict(StrEnum):
    GOOD = "ok"
    TOLD = ""
    MISSED = "missed"
    """A time or a rate is beyond its limit. This is only shown: a busy machine must not break a build."""
    BROKEN = "BROKEN"
    """An exact count is beyond its limit."""


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: float
    limit: float | None = None
    """None: the figure is only shown."""
    unit: str = ""
    bound: Bound = Bound.AT_MOST
    exact: bool = False

    @property
    def verdict(self) -> Verdict:
        if self.limit is None:
            return Verdict.TOLD
        within = self.value <= self.limit if self.bound is Bound.AT_MOST else self.value >= self.limit
        if within:
            return Verdict.GOOD
        return Verdict.BROKEN if self.exact else Verdict.MISSED


def count(name: str, value: int, limit: int, bound: Bound = Bound.AT_MOST) -> Figure:
    """An exact count. It is the same in every run, so its limit is a gate."""
    return Figure(name, value, limit, bound=bound, exact=True)


def ratio(name: str, seconds: float, limit: float | None, calibration: float) -> Figure:
    """A time as a multiple of the calibration loop of the same run."""
    return Figure(name, seconds / calibration, limit, "x cal")


def broken(figures: Iterable[Figure]) -> list[Figure]:
    return [figure for figure in figures if figure.verdict is Verdict.BROKEN]


def exit_code(figures: Iterable[Figure]) -> int:
    return 1 if broken(figures) else 0


def table(title: str, figures: Sequence[Figure]) -> str:
    rows = [("figure", "value", "limit", "")]
    rows += [(figure.name, _value(figure), _limit(figure), figure.verdict) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    ]
    return "\n".join([title, *lines])


def _value(figure: Figure) -> str:
    return f"{_number(figure.value)} {figure.unit}".rstrip()


def _limit(figure: Figure) -> str:
    return "" if figure.limit is None else f"{figure.bound} {_number(figure.limit)}"


def _number(value: float) -> str:
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

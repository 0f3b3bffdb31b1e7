"""Budgets hold on machines of any speed, and name the file that grew."""

from tests.durations import over_budget

TABLE = {"a": 100.0, "b": 60.0, "c": 40.0, "short": 0.5}


def over(**measured: float) -> list[tuple[str, bool]]:
    return [(one.file, one.fails) for one in over_budget(measured, TABLE)]


def test_a_machine_that_is_slower_at_everything_is_within_the_budgets() -> None:
    assert over(a=300, b=180, c=120, short=1.5) == []


def test_a_file_that_grew_is_over_its_budget_and_fails_when_it_grew_much() -> None:
    assert over(a=165, b=60, c=40) == [("a", False)]
    assert over(a=250, b=60, c=40) == [("a", True)]


def test_a_new_file_that_is_long_is_named() -> None:
    assert over(a=100, b=60, c=40, new=9) == []
    assert over(a=100, b=60, c=40, new=15) == [("new", False)]
    assert over(a=100, b=60, c=40, new=250) == [("new", False)]

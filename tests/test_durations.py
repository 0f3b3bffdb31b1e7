"""The time budgets of test files work on machines of any speed, and name the file that got slower."""

from tests.durations import over_budget

TABLE = {"a": 100.0, "b": 60.0, "c": 40.0, "short": 0.5}


def over(**measured: float) -> list[tuple[str, bool]]:
    return [(excess.file, excess.fails) for excess in over_budget(measured, TABLE)]


def test_a_machine_that_runs_every_file_slower_is_within_the_budgets() -> None:
    assert over(a=300, b=180, c=120, short=1.5) == []


def test_a_slower_file_is_over_its_budget_and_fails_when_it_is_much_slower() -> None:
    assert over(a=165, b=60, c=40) == [("a", False)]
    assert over(a=250, b=60, c=40) == [("a", False)]
    assert over(a=290, b=60, c=40) == [("a", True)]


def test_a_slow_new_file_is_named_and_does_not_fail() -> None:
    assert over(a=100, b=60, c=40, new=9) == []
    assert over(a=100, b=60, c=40, new=15) == [("new", False)]
    assert over(a=100, b=60, c=40, new=250) == [("new", False)]

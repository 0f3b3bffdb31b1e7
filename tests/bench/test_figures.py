import pytest
from bench.calibration import calibrate, fixed_work
from bench.figures import Bound, Figure, Verdict, broken, count, exit_code, ratio, table


@pytest.mark.parametrize(
    ("value", "bound", "verdict"),
    [
        (100, Bound.AT_MOST, Verdict.GOOD),
        (101, Bound.AT_MOST, Verdict.BROKEN),
        (100, Bound.AT_LEAST, Verdict.GOOD),
        (99, Bound.AT_LEAST, Verdict.BROKEN),
    ],
)
def test_an_exact_count_is_a_gate(value: int, bound: Bound, verdict: Verdict) -> None:
    figure = count("requests", value, 100, bound)

    assert figure.verdict is verdict
    assert exit_code([figure]) == (1 if verdict is Verdict.BROKEN else 0)


def test_a_missed_time_is_reported_and_breaks_nothing() -> None:
    slow = ratio("check", seconds=0.5, limit=10, calibration=0.025)

    assert slow.value == pytest.approx(20)
    assert slow.verdict is Verdict.MISSED
    assert exit_code([slow]) == 0


def test_one_broken_gate_among_good_ones_is_enough() -> None:
    figures = [count("lost", 0, 0), count("requests", 106, 105), Figure("time", 1, 2, "s")]

    assert broken(figures) == [figures[1]]
    assert exit_code(figures) == 1
    assert exit_code([]) == 0


def test_the_table_is_aligned_and_shows_the_verdicts() -> None:
    figures = [
        count("requests", 4240, 105),
        Figure("time", 0.2514, 0.25, "s"),
        Figure("answers/s", 17_643.4, 5_000, bound=Bound.AT_LEAST),
    ]

    assert table("S100", figures).splitlines() == [
        "S100",
        "figure       value     limit",
        "requests     4,240    <= 105  BROKEN",
        "time       0.251 s   <= 0.25  missed",
        "answers/s   17,643  >= 5,000  ok",
    ]


def test_the_calibration_does_the_same_work_each_time() -> None:
    assert fixed_work() == fixed_work()
    assert 0 < calibrate() < 10

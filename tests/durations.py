"""How long each file of tests takes, and how long it may take (a plug-in of tests/conftest.py).

`durations.json` holds the seconds of each file, set-up and teardown included. `--store-durations` writes it.
Machines differ, so a run is compared with itself: its pace is the median of "now / then" over all files. A
file is over its budget when it takes 1.5 times what that pace allows. When it takes 2.25 times as long and a
minute more, the run fails.
"""

import json
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest

TABLE = Path(__file__).parent / "durations.json"
BUDGET = 1.5
FAILURE = 2.25
ALLOWANCE_SECONDS = 10
"""Of noise, for each file. A file that the table does not know is named when it takes longer."""
FAILURE_ALLOWANCE_SECONDS = 60
"""One slow moment of a shared machine fails no run."""
PACE_SECONDS = 3
"""Shorter files tell little about the machine."""
SHOWN = 15


def known_durations() -> dict[str, float]:
    durations: dict[str, float] = json.loads(TABLE.read_text(encoding="utf-8"))
    return durations


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


@dataclass(frozen=True, slots=True)
class OverBudget:
    file: str
    seconds: float
    budget: float
    fails: bool

    def __str__(self) -> str:
        verdict = "is far over budget and fails the run" if self.fails else "is over budget"
        return f"{self.file} {verdict}: {self.seconds:.0f} s, at this machine's pace {self.budget:.0f} s"


def over_budget(measured: Mapping[str, float], known: Mapping[str, float]) -> Iterator[OverBudget]:
    pace = pace_of(measured, known)
    for file, seconds in measured.items():
        expected = known.get(file, 0) * pace
        budget = expected * BUDGET + ALLOWANCE_SECONDS
        if seconds > budget:
            limit = expected * FAILURE + FAILURE_ALLOWANCE_SECONDS
            yield OverBudget(file, seconds, budget, fails=file in known and seconds > limit)


def pace_of(measured: Mapping[str, float], known: Mapping[str, float]) -> float:
    """1 on the machine that the table was made on, 2 where all takes twice as long."""
    ratios = [
        seconds / known[file] for file, seconds in measured.items() if known.get(file, 0) > PACE_SECONDS
    ]
    return median(ratios) if ratios else 1.0


@dataclass(slots=True)
class Durations:
    """Collects the seconds of all phases of all tests, in the process that reports."""

    enforce: bool
    store: bool
    files: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    tests: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.files[file_of(report.nodeid)] += report.duration
        self.tests[report.nodeid] += report.duration

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        if self.store:
            rounded = {file: round(seconds, 1) for file, seconds in sorted(self.files.items())}
            TABLE.write_text(json.dumps(rounded, indent=0) + "\n", encoding="utf-8")
        elif session.exitstatus == pytest.ExitCode.OK and any(one.fails for one in self.over_budget()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("durations, set-up and teardown included")
        total = sum(self.files.values())
        pace = pace_of(self.files, known_durations())
        terminalreporter.line(f"{total:8.1f} s in all, {pace:.2f} times the table's")
        for of in (self.files, self.tests):
            for name, seconds in sorted(of.items(), key=lambda item: -item[1])[:SHOWN]:
                terminalreporter.line(f"{seconds:8.1f} s {name}")
        for one in self.over_budget():
            terminalreporter.line(str(one), red=one.fails, yellow=not one.fails)

    def over_budget(self) -> list[OverBudget]:
        return list(over_budget(self.files, known_durations())) if self.enforce else []


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("durations")
    group.addoption("--budgets", action="store_true", help="Show how long files take, and hold budgets.")
    group.addoption("--store-durations", action="store_true", help=f"Write them to {TABLE.name}.")


def pytest_configure(config: pytest.Config) -> None:
    enforce, store = config.getoption("--budgets"), config.getoption("--store-durations")
    if (enforce or store) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Durations(enforce, store), "durations-report")

"""`make test` leaves out what is marked `soak`; `make soak` runs that and nothing else (a plug-in)."""

from typing import Any

import pytest


def soak(*values: Any) -> Any:
    """A set of parameters that only the soak runs."""
    return pytest.param(*values, marks=pytest.mark.soak)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="Run the tests marked soak instead of the others.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        wanted = (item.get_closest_marker("soak") is not None) == config.getoption("--soak")
        (chosen if wanted else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen

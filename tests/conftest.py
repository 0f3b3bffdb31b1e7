import os
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.durations",
    "tests.scheduling",
    "tests.soak",
    "tests.storage",
    "tests.fakes.fixtures",
    "tests.testbed.fixtures",
]


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _nothing_of_the_developers(monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> None:
    """No test depends on, or touches, the environment and the home directory it was started in."""
    for name in list(os.environ):
        if name != "PATH" and not name.startswith("PYTEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(empty_home))

"""How the tests are spread over the workers of pytest-xdist (a plug-in of tests/conftest.py).

A file stays in one worker, so that what its tests share is built once; only very long ones are spread. The
longest files of the longest directories come first, so that no worker is left with a long file at the end.
"""

from collections import defaultdict
from collections.abc import Mapping

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.durations import file_of, known_durations

VERY_LONG_SECONDS = 100
"""The tests of such a file are handed out one by one."""


class LongestFileFirst(LoadScopeScheduling):
    """Hands out the files in the order in which the workers collected them."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)
        self._spread = {file for file, seconds in known_durations().items() if seconds > VERY_LONG_SECONDS}

    def _split_scope(self, nodeid: str) -> str:
        file = file_of(nodeid)
        return nodeid if file in self._spread else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LongestFileFirst:
    return LongestFileFirst(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without workers the order stays as it is written."""
    if not hasattr(config, "workerinput"):
        return
    files = known_durations()
    directories: dict[str, float] = defaultdict(float)
    for file, seconds in files.items():
        directories[directory_of(file)] += seconds
    items.sort(key=lambda item: _place(file_of(item.nodeid), files, directories))


def _place(file: str, files: Mapping[str, float], directories: Mapping[str, float]) -> tuple[float, float]:
    return -directories.get(directory_of(file), 0), -files.get(file, 0)


def directory_of(file: str) -> str:
    return file.rpartition("/")[0]

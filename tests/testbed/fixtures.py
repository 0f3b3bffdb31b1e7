"""
The testbed as pytest fixtures: a plug-in named in tests/conftest.py.

Every test that uses one of them is marked `e2e`. Where the testbed cannot run they are skipped with the exact
reason; with CI=true that is a failure.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from tests.testbed.bed import Bed
from tests.testbed.engine import Engine
from tests.testbed.images import Images
from tests.testbed.projects import Projects
from tests.testbed.registry import Registry
from tests.testbed.requirements import NoTestbed


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "bed" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def bed(testrun_uid: str, worker_id: str) -> Iterator[Bed]:
    """Workers of pytest-xdist share the keeper and the registries; the last one out stops them.

    Each worker has an engine of its own. A server that starts tidies up the engine that it finds, and would
    remove what a server of another worker is just using.
    """
    with ExitStack() as stack:
        try:
            bed = stack.enter_context(Bed.open(testrun_uid[:12], engine=f"engine-{worker_id}"))
            bed.engine.start()
        except NoTestbed as reason:
            _do_without(str(reason))
        yield bed


def _do_without(reason: str) -> NoReturn:
    message = f"the testbed cannot run here: {reason}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def engine(bed: Bed) -> Engine:
    """Shared by the tests of a worker. Look at your own project only: servers of fixtures use it too."""
    return bed.engine


@pytest.fixture(scope="session")
def images(bed: Bed) -> Images:
    return bed.images


@pytest.fixture
def registry(bed: Bed) -> Registry:
    """The anonymous one, in a namespace of the test's own."""
    return bed.registry.within(f"t{secrets.token_hex(4)}")


@pytest.fixture
def projects(bed: Bed, tmp_path: Path) -> Iterator[Projects]:
    """What they made is removed after the test."""
    projects = Projects(bed.engine, tmp_path / "projects", bed.docker_config)
    yield projects
    projects.remove_all()


@pytest.fixture
def private_engine(bed: Bed) -> Iterator[Engine]:
    """An engine of the test's own, to be stopped, killed or filled as it likes."""
    engine = Engine(bed.keeper, f"engine-{secrets.token_hex(3)}")
    engine.start()
    yield engine
    engine.discard()

"""
The testbed as pytest fixtures: a plug-in named in tests/conftest.py.

Every test that uses one of them is marked `e2e`. When the testbed cannot run, these tests are skipped with
the exact reason. With CI=true they fail instead.
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
    """Workers of pytest-xdist share the keeper and the registries. The last worker stops them.

    Each worker has its own engine, because a server that starts cleans up its engine. On a shared engine it
    would remove what the server of another worker is using.
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
    """One engine for all tests of a worker. Servers use it too, so look only at your own project."""
    return bed.engine


@pytest.fixture(scope="session")
def images(bed: Bed) -> Images:
    return bed.images


@pytest.fixture
def registry(bed: Bed) -> Registry:
    """The registry without authentication, in a namespace for this test."""
    return bed.registry.within(f"t{secrets.token_hex(4)}")


@pytest.fixture
def projects(bed: Bed, tmp_path: Path) -> Iterator[Projects]:
    """Compose projects. They are removed after the test."""
    projects = Projects(bed.engine, tmp_path / "projects", bed.docker_config)
    yield projects
    projects.remove_all()


@pytest.fixture
def private_engine(bed: Bed) -> Iterator[Engine]:
    """An engine for this test alone, which it may stop, kill or fill."""
    engine = Engine(bed.keeper, f"engine-{secrets.token_hex(3)}")
    engine.start()
    yield engine
    engine.discard()

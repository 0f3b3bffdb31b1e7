"""When the testbed cannot run, tests are skipped with the reason. In CI they fail."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed.bed import Bed
from tests.testbed.requirements import PATH, NoTestbed, require

pytestmark = pytest.mark.soak

CHECKOUT = Path(__file__).parents[2]
NEEDS_A_BED = "tests/testbed/test_registry.py::test_equal_images_have_equal_digests"

WITHOUT_NAMESPACES = ("setpriv", "--bounding-set=-sys_admin", "--")
"""Runs as root, but without the right to create namespaces, as in an ordinary container."""


@pytest.mark.parametrize(
    ("ci", "outcome", "status"), [("", "SKIPPED", 0), ("false", "SKIPPED", 0), ("true", "ERROR", 1)]
)
def test_tests_without_a_testbed_say_why(bed: Bed, ci: str, outcome: str, status: int) -> None:
    done = _pytest(*WITHOUT_NAMESPACES, environment={"CI": ci})

    assert f"{outcome} " in done.stdout
    assert "this machine refuses new namespaces" in done.stdout
    assert done.returncode == status


def test_missing_programs_are_named_with_their_packages(tmp_path: Path) -> None:
    with pytest.raises(NoTestbed) as refusal:
        require(path=str(tmp_path))

    assert "dockerd is missing (scripts/setup, or: apt-get install docker.io)" in str(refusal.value)
    assert "iptables is missing (scripts/setup, or: apt-get install iptables)" in str(refusal.value)


def test_tests_that_need_the_testbed_are_e2e() -> None:
    chosen = _pytest("env", options=("--collect-only", "-m", "e2e"))
    left_out = _pytest("env", options=("--collect-only", "-m", "not e2e"))

    assert NEEDS_A_BED in chosen.stdout
    assert "1 deselected" in left_out.stdout


def _pytest(
    *prefix: str, options: tuple[str, ...] = (), environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, NEEDS_A_BED],
        cwd=CHECKOUT,
        env={"PATH": PATH, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )

"""The tests do not depend on the settings of the machine."""

import os
from pathlib import Path


def test_the_environment_has_only_the_path_and_a_home_of_the_tests() -> None:
    assert {name for name in os.environ if not name.startswith("PYTEST_")} == {"PATH", "HOME"}
    assert Path.home() == Path(os.environ["HOME"])
    assert not (Path.home() / ".docker").exists()

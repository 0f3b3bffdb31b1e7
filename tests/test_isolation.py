"""No test depends on the machine of whoever runs it."""

import os
from pathlib import Path


def test_the_environment_is_empty_but_for_the_path_and_a_home_of_our_own() -> None:
    assert {name for name in os.environ if not name.startswith("PYTEST_")} == {"PATH", "HOME"}
    assert Path.home() == Path(os.environ["HOME"])
    assert not (Path.home() / ".docker").exists()

"""The shape of the package: names that say something, files that stay small, a reference that is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.routing import Route

import dockrev
from dockrev.app import open_server
from dockrev.clock import SystemClock
from dockrev.config import Config

ROOT = Path(__file__).parent.parent
SOURCES = sorted(Path(dockrev.__file__).parent.rglob("*.py"))
EVERYTHING = SOURCES + sorted(Path(__file__).parent.rglob("*.py")) + sorted((ROOT / "bench").rglob("*.py"))

HOMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "service", "core"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_sources_to_look_at() -> None:
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", EVERYTHING, ids=named)
def test_every_module_says_what_it_holds(path: Path) -> None:
    assert not {path.stem, path.parent.name} & HOMELESS, "name it after what it decides or speaks to"


@pytest.mark.parametrize("path", EVERYTHING, ids=named)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, "it holds more than one thing"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_every_module_with_code_begins_with_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or "migrations" in path.parts or text.startswith('"""')


@pytest.mark.parametrize("heavy", ["fastapi", "dbos"])
def test_a_command_that_only_looks_does_not_load_what_serves_and_updates(heavy: str) -> None:
    look = f"import sys, dockrev.cli.check, dockrev.cli.doctor; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


def listed() -> set[tuple[str, str]]:
    """The rows `| METHOD | path | ...` of the reference."""
    reference = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| *(GET|POST|PUT|PATCH|DELETE) *\| *`?(/[^\s|`]*)`? *\|", reference, re.MULTILINE)
    return set(rows)


async def served(directory: Path) -> set[tuple[str, str]]:
    environment = {"DOCKREV_DB_PATH": str(directory / "dockrev.sqlite3"), "DOCKER_HOST": "unix:///nowhere"}
    async with open_server(Config.from_env(environment), SystemClock()) as server:
        return {
            (method, route.path_format)
            for route in server.web.routes
            if isinstance(route, Route)
            for method in (route.methods or set()) - {"HEAD"}
        }


async def test_the_reference_and_the_server_name_the_same_routes(tmp_path: Path) -> None:
    assert await served(tmp_path) == listed()

"""Rules for the structure of the package. Each test lists all violations at once."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from starlette.routing import Route

import dockrev
from dockrev.app import open_server
from dockrev.clock import SystemClock
from dockrev.config.server import Config
from dockrev.web.access import Access
from dockrev.web.router import ApiRoute

ROOT = Path(__file__).parent.parent
SOURCES = sorted(Path(dockrev.__file__).parent.rglob("*.py"))
ALL_FILES = SOURCES + sorted(Path(__file__).parent.rglob("*.py")) + sorted((ROOT / "bench").rglob("*.py"))
MOST_LINES = 400
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "service", "core"}


def names(paths: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_no_module_has_a_vague_name() -> None:
    assert len(SOURCES) > 50
    vague = [path for path in ALL_FILES if {path.stem, path.parent.name} & VAGUE_NAMES]
    assert not names(vague), "name each after what it decides or the system it talks to"


def test_no_file_is_longer_than_400_lines() -> None:
    long = [path for path in ALL_FILES if len(text_of(path).splitlines()) > MOST_LINES]
    assert not names(long), "split each file by topic"


def test_every_module_with_code_begins_with_a_docstring() -> None:
    without_docstring = [
        path
        for path in SOURCES
        if (text := text_of(path)).strip() and "migrations" not in path.parts and not text.startswith('"""')
    ]
    assert not names(without_docstring)


def test_no_two_modules_define_a_public_class_of_the_same_name() -> None:
    modules = defaultdict(list)
    for path in SOURCES:
        for name in public_classes(path):
            modules[name].append(path)
    assert not {name: names(paths) for name, paths in modules.items() if len(paths) > 1}


def public_classes(path: Path) -> Iterator[str]:
    for node in ast.parse(text_of(path)).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_read_only_commands_do_not_import_the_web_framework() -> None:
    program = "import sys, dockrev.cli.check, dockrev.cli.doctor; sys.exit('fastapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def documented_routes() -> set[tuple[str, str]]:
    """The rows `| METHOD | path | ...` of docs/api.md."""
    row = r"^\| *(GET|POST|PUT|PATCH|DELETE) *\| *`?(/[^\s|`]*)`? *\|"
    return set(re.findall(row, text_of(ROOT / "docs" / "api.md"), re.MULTILINE))


@pytest.fixture
async def served_routes(tmp_path: Path) -> dict[tuple[str, str], Route]:
    environment = {"DOCKREV_DB_PATH": str(tmp_path / "dockrev.sqlite3"), "DOCKER_HOST": "unix:///nowhere"}
    async with open_server(Config.from_env(environment), SystemClock()) as server:
        return {
            (method, route.path_format): route
            for route in server.web.routes
            if isinstance(route, Route)
            for method in (route.methods or set()) - {"HEAD"}
        }


async def test_the_api_reference_lists_exactly_the_routes_that_the_server_has(
    served_routes: dict[tuple[str, str], Route],
) -> None:
    assert set(served_routes) == documented_routes()


OTHER_ACCESS = {
    ("GET", "/api/health"): Access.PUBLIC,
    ("GET", "/api/version"): Access.PUBLIC,
    ("GET", "/api/ready"): Access.PUBLIC,
}
"""The routes that a caller without an identity can reach."""


async def test_every_route_declares_its_access(served_routes: dict[tuple[str, str], Route]) -> None:
    routes = {key: route for key, route in served_routes.items() if key != ("GET", "/api/openapi.json")}
    assert all(isinstance(route, ApiRoute) for route in routes.values())
    access = {key: route.access for key, route in routes.items() if isinstance(route, ApiRoute)}
    assert access == dict.fromkeys(routes, Access.IDENTITY) | OTHER_ACCESS

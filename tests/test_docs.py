"""The documents name files of this project that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
SOURCES = [
    path.relative_to(ROOT)
    for top in ("src", "tests", "bench", "scripts", "docs")
    for path in (ROOT / top).rglob("*")
    if "__pycache__" not in path.parts
]
TOP = [path.relative_to(ROOT) for path in ROOT.iterdir()]
NAMES = {f"/{path.as_posix()}" for path in [*SOURCES, *TOP]}
FOLDERS = {path.name for path in [*SOURCES, *TOP] if (ROOT / path).is_dir()} - {"data", "dockrev"}
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?![./])[\w./-]+")
SUFFIXES = (".py", ".md", ".toml", ".sql")


def paths_in(text: str) -> set[str]:
    """What stands in backticks and looks like a file of this project, or like a folder or file in one."""
    code = {found for found in CODE.findall(text) if PATH.fullmatch(found)}
    return {
        found
        for found in code
        if found.endswith(SUFFIXES) or ("/" in found and found.partition("/")[0] in FOLDERS)
    }


def exists(path: str) -> bool:
    """`path` may leave out the folders that it is in: `wire.py`, `stacks/store.py`."""
    return any(name.endswith(f"/{path.rstrip('/')}") for name in NAMES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    named = paths_in(document.read_text(encoding="utf-8"))
    assert sorted(path for path in named if not exists(path)) == []


def test_paths_are_told_from_other_code() -> None:
    text = "`web/gone.py` `wire.py` `stacks/` `os/arch` `~/.docker/config.json` `GET /api/x` `data/x.sqlite3`"
    assert paths_in(text) == {"web/gone.py", "wire.py", "stacks/"}
    assert exists("wire.py")
    assert exists("stacks/")
    assert not exists("web/gone.py")

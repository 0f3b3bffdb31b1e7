"""Everything that the adapters of Docker and Compose parse and offer is used by the package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import dockrev

PACKAGE = Path(dockrev.__file__).parent
ADAPTERS = ("docker", "compose")


def trees(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            yield ast.parse(path.read_text(encoding="utf-8"))


def offered() -> Iterator[tuple[str, str]]:
    """The public functions of the adapters, and the fields and methods of their classes."""
    for tree in trees(*ADAPTERS):
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield "", node.name
            elif isinstance(node, ast.ClassDef):
                yield from ((node.name, name) for name in members(node))


def members(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement.name
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id


def read() -> set[str]:
    """The names that the package reads: attributes, and imported or called functions."""
    names = set()
    for tree in trees("."):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                names.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                names.add(node.id)
    return names


def test_every_field_method_and_function_of_the_adapters_is_read() -> None:
    used = read()
    unread = [f"{owner}.{name}" for owner, name in offered() if name not in used and not name.startswith("_")]
    assert not unread

import os
from pathlib import Path
from typing import Any

import pytest

from dockrev.projects.overrides import classify, read_override
from dockrev.projects.variants import ImageOnly, Unreadable, Unsafe


@pytest.mark.parametrize(
    ("document", "services"),
    [
        ({}, set()),
        ({"services": {}}, set()),
        ({"services": {"web": {"image": "nginx:1"}}}, {"web"}),
        ({"services": {"web": {"image": "a"}, "db": {"image": "b"}}}, {"web", "db"}),
    ],
)
def test_a_file_that_only_sets_images_is_safe(document: dict[str, Any], services: set[str]) -> None:
    assert classify(document) == ImageOnly(frozenset(services))


@pytest.mark.parametrize(
    "document",
    [
        {"services": None},
        {"services": ["web"]},
        {"services": {"web": None}},
        {"services": {"web": {}}},
        {"services": {"web": {"image": ""}}},
        {"services": {"web": {"image": " "}}},
        {"services": {"web": {"image": 1}}},
        {"services": {"web": {"image": "a", "command": "b"}}},
        {"services": {"web": {"image": "a"}}, "networks": {}},
        {"volumes": {}},
    ],
)
def test_a_file_that_sets_anything_else_is_unsafe(document: dict[str, Any]) -> None:
    assert isinstance(classify(document), Unsafe)


def test_an_override_is_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "override.yml"
    path.write_text("services:\n  web:\n    image: nginx:1\n")

    assert read_override(str(path)) == ImageOnly(frozenset({"web"}))


def test_an_empty_file_is_safe(tmp_path: Path) -> None:
    path = tmp_path / "override.yml"
    path.touch()

    assert read_override(str(path)) == ImageOnly(frozenset())


def test_an_unreadable_file_does_not_count(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    for path in (tmp_path / "gone", tmp_path, tmp_path / "fifo", tmp_path / ("x" * 5000), Path("/a\0b")):
        assert read_override(str(path)) == Unreadable()


@pytest.mark.parametrize("content", [b"services: [", b"\xff\xfe", b"- 1\n", b"services: &a [*a]"])
def test_a_file_that_cannot_be_parsed_is_unsafe(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "override.yml"
    path.write_bytes(content)

    assert isinstance(read_override(str(path)), Unsafe)

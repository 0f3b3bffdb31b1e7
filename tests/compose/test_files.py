"""Reads and merges Compose files, valid and invalid, without Compose."""

import os
from pathlib import Path

import pytest

from dockrev.compose import raw
from dockrev.compose.models import ComposeService, ProjectFiles
from dockrev.compose.sources import MAX_FILE_LENGTH, Source, read_sources
from dockrev.errors import ComposeError
from tests.compose.conftest import Folder


def refusal(files: ProjectFiles) -> ComposeError:
    with pytest.raises(ComposeError) as refused:
        raw.merged(read_sources(files), "because")
    assert refused.value.permanent
    return refused.value


def merged(*texts: str) -> tuple[ComposeService, ...]:
    sources = tuple(Source(Path(f"/{number}.yaml"), text) for number, text in enumerate(texts))
    return raw.merged(sources, "because").services


def test_a_missing_file_is_unreadable(folder: Folder) -> None:
    error = refusal(folder.project("gone.yaml"))

    assert error.message == (
        f"compose_file_unreadable: {folder.path}/gone.yaml (No such file or directory)"
        " (mount missing? ensure host path is mounted read-only at the same absolute path)"
    )
    assert error.details == {"reason": "compose_file_unreadable"}


def test_a_directory_instead_of_a_file_is_unreadable(folder: Folder) -> None:
    (folder.path / "compose.yaml").mkdir()

    assert "(Is a directory)" in refusal(folder.project()).message


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/mem", "/nul\0", f"/{'x' * 5000}"])
def test_an_impossible_path_is_unreadable(path: str) -> None:
    assert refusal(ProjectFiles("blog", (Path(path),))).details == {"reason": "compose_file_unreadable"}


def test_a_pipe_instead_of_a_file_is_unreadable(folder: Folder) -> None:
    os.mkfifo(folder.path / "compose.yaml")

    assert "not a regular file" in refusal(folder.project()).message


def test_an_endless_env_file_is_refused(folder: Folder) -> None:
    folder.compose("services: {web: {image: nginx}}")
    files = ProjectFiles("blog", (folder.path / "compose.yaml",), None, (Path("/dev/zero"),))

    assert "compose_file_unreadable: /dev/zero (not a regular file)" in refusal(files).message


@pytest.mark.parametrize("env_file", ["/dev/null", "/no/such.env"])
def test_an_empty_or_missing_env_file_is_left_to_compose(folder: Folder, env_file: str) -> None:
    folder.compose("services: {}")
    files = ProjectFiles("blog", (folder.path / "compose.yaml",), None, (Path(env_file),))

    assert len(read_sources(files)) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"services: [\n", "line 2: "),
        (b"services: {web: {image: a, image: b}}", "line 1: found duplicate key"),
        (b"services:\n\tweb: s3cret\n", "line 2: "),
        (b"a: *unknown", "line 1: "),
        (b"- web", "the top level is not a mapping"),
        (b"services: [web]", "services is not a mapping"),
        (b"services: {web: nginx}", "service web is not a mapping"),
        (b"services: {web: {image: \xff}}", "not UTF-8 at byte 24"),
        (b"\0", ""),
        (b"{" * 5000, ""),
        (b"#" * (MAX_FILE_LENGTH + 1), "larger than"),
    ],
)
def test_a_file_that_is_not_a_compose_file_is_invalid(folder: Folder, content: bytes, why: str) -> None:
    folder.write("compose.yaml", content)

    error = refusal(folder.project())

    assert error.message.startswith(f"compose_file_invalid: {folder.path}/compose.yaml ({why}")
    assert error.details == {"reason": "compose_file_invalid"}
    assert "s3cret" not in error.message


@pytest.mark.parametrize("content", ["", "# nothing\n", "services: {}", "services:", "volumes: {a: {}}"])
def test_a_file_without_services_is_refused(folder: Folder, content: str) -> None:
    error = refusal(folder.compose(content))

    assert (error.message, error.details) == ("compose_no_services", {"reason": "compose_no_services"})


def test_a_project_without_files_is_refused() -> None:
    assert refusal(ProjectFiles("blog", ())).message == "compose_no_services"


def test_later_files_win_key_by_key() -> None:
    services = merged(
        "services: {web: {image: 'nginx:1', labels: [a=1, b=1]}, db: {image: redis}}",
        "services: {web: {image: 'nginx:2', labels: {b: 2}}, cron: {build: .}}",
    )

    assert services == (
        ComposeService("web", "nginx:2", False, {"a": "1", "b": "2"}),
        ComposeService("db", "redis", False, {}),
        ComposeService("cron", None, True, {}),
    )


def test_an_override_may_be_empty() -> None:
    assert len(merged("services: {web: {image: nginx}}", "# nothing yet\n")) == 1


def test_anchors_and_a_byte_order_mark_are_read(folder: Folder) -> None:
    folder.write("compose.yaml", b"\xef\xbb\xbfx: &x {image: nginx}\nservices: {web: {<<: *x}, db: *x}")

    services = raw.merged(read_sources(folder.project()), "because").services

    assert [service.image for service in services] == ["nginx", "nginx"]


def test_yaml_tags_of_compose_and_others_are_read() -> None:
    services = merged(
        "services: {web: {image: !vault nginx, labels: !override {a: b}},"
        " db: {image: !reset redis, build: .}}"
    )

    assert services == (
        ComposeService("web", "nginx", False, {"a": "b"}),
        ComposeService("db", None, True, {}),
    )


def test_scalars_become_the_same_text_as_in_compose() -> None:
    (web,) = merged('services: {web: {image: 5, labels: {yes: true, n: 1.5, none: ~, 7: x, e: "\\ud800"}}}')

    assert web.image is None
    assert web.labels == {"yes": "true", "n": "1.5", "none": "", "7": "x", "e": "?"}

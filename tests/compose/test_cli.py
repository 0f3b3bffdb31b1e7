"""Finds and calls Compose. Scripts that record their calls replace the real CLI."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dockrev.compose.cli import Compose, child_environment
from dockrev.compose.models import ProjectFiles
from dockrev.config.shared import DockerConfig
from dockrev.errors import ComposeError
from tests.compose.conftest import Folder
from tests.compose.scripts import RENDERED, Script, find


def on_path(directory: Path) -> DockerConfig:
    return DockerConfig(child_environment={"PATH": f"{directory}:/usr/bin:/bin"})


async def test_the_plugin_is_preferred(tmp_path: Path) -> None:
    Script(tmp_path, "docker", "v2.41.0-desktop.1")
    Script(tmp_path, "docker-compose", "1.29.2")

    compose = await Compose.find(on_path(tmp_path))

    assert (compose.command, compose.version, compose.major) == (("docker", "compose"), "2.41.0-desktop.1", 2)


@pytest.mark.parametrize("answer", ["exit 125", "echo 'Docker version of nothing'", "exit 0"])
async def test_a_docker_cli_without_the_plugin_is_skipped(tmp_path: Path, answer: str) -> None:
    (tmp_path / "docker").write_text(f"#!/bin/sh\n{answer}\n")
    (tmp_path / "docker").chmod(0o755)
    Script(tmp_path, "docker-compose", "5.0.1")

    compose = await Compose.find(on_path(tmp_path))

    assert (compose.command, compose.major) == (("docker-compose",), 5)


async def test_without_any_compose_the_error_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(ComposeError) as missing:
        await Compose.find(DockerConfig(child_environment={"PATH": str(tmp_path)}))

    assert "docker-compose-plugin" in missing.value.message
    assert "DOCKREV_COMPOSE_BIN" in missing.value.message
    assert "`docker compose version --short`" in missing.value.message
    assert missing.value.permanent


async def test_only_the_configured_command_is_tried(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match=f"{tmp_path}/nothing version --short"):
        await Compose.find(DockerConfig(compose_bin=f"{tmp_path}/nothing"))


async def test_the_configured_command_may_be_a_path_with_spaces_or_a_command_line(tmp_path: Path) -> None:
    odd = Script(tmp_path / "a b")

    path = await Compose.find(DockerConfig(compose_bin=str(odd.path)))
    line = await Compose.find(DockerConfig(compose_bin=f"env '{odd.path}'"))

    assert path.command == (str(odd.path),)
    assert line.command == ("env", str(odd.path))


@pytest.mark.parametrize("compose_bin", ["docker", "{directory}/docker"])
async def test_docker_as_the_configured_command_means_its_plugin(tmp_path: Path, compose_bin: str) -> None:
    Script(tmp_path, "docker")
    configured = compose_bin.format(directory=tmp_path)

    compose = await Compose.find(replace(on_path(tmp_path), compose_bin=configured))

    assert compose.command == (configured, "compose")


async def test_a_configured_command_that_cannot_be_split_is_refused() -> None:
    with pytest.raises(ComposeError, match="DOCKREV_COMPOSE_BIN"):
        await Compose.find(DockerConfig(compose_bin="docker 'compose"))


def test_a_child_gets_docker_host_and_no_variable_of_dockrev() -> None:
    config = DockerConfig(
        "tcp://engine:2376",
        Path("/certs"),
        None,
        None,
        {"PATH": "/bin", "HOME": "/root", "DOCKER_CONFIG": "/c"},
    )

    assert child_environment(config) == {
        "PATH": "/bin",
        "HOME": "/root",
        "DOCKER_CONFIG": "/c",
        "LC_ALL": "C.UTF-8",
        "DOCKER_HOST": "tcp://engine:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/certs",
    }


async def test_v2_is_called_with_all_profiles_and_json(script: Script, folder: Folder) -> None:
    for name in ("compose.yaml", "more.yaml", "a.env", "b.env"):
        folder.write(name, "services: {}" if name.endswith("yaml") else "")
    files = folder.project("compose.yaml", "more.yaml", env_files=("a.env", "b.env"))

    await (await find(script)).effective_config(files)

    home = folder.path
    assert script.calls == [
        [
            "--project-name=blog",
            *("--project-directory", f"{home}"),
            *("--file", f"{home}/compose.yaml"),
            *("--file", f"{home}/more.yaml"),
            *("--env-file", f"{home}/a.env"),
            *("--env-file", f"{home}/b.env"),
            *("--profile", "*"),
            *("config", "--format", "json"),
        ]
    ]


async def test_a_name_that_looks_like_an_option_stays_a_name(script: Script, folder: Folder) -> None:
    path = folder.write("compose.yaml", "services: {}")

    await (await find(script)).effective_config(ProjectFiles("--help", (path,)))

    assert script.calls[0][:3] == ["--project-name=--help", "--project-directory", str(folder.path)]


async def test_a_configuration_is_remembered(script: Script, folder: Folder) -> None:
    files = folder.compose("services: {web: {image: nginx}}")
    compose = await find(script)

    first, second = [await compose.effective_config(files) for _ in range(2)]

    assert first == second
    assert len(script.calls) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("compose.yaml", "services: {web: {image: nginx, build: .}}"),
        ("more.yaml", "services: {other: {image: a}}"),
        ("live.env", "TAG=22"),
        (".env", "TAG=1"),
        ("parts/db.yaml", "services: {}"),
        ("parts/.env", "A=1"),
        ("parts/deep/x.yaml", "services: {x: {image: a}}"),
        ("parts/given.env", "A=2"),
        ("parent.yaml", "services: {p: {image: abc}}"),
        ("app.env", "A=2"),
        ("extra.env", "A=2"),
        ("web.labels", "a=b"),
    ],
)
async def test_a_change_of_any_input_file_is_noticed(
    script: Script, folder: Folder, name: str, content: str
) -> None:
    folder.write(
        "compose.yaml",
        """
include:
  - path: [parts/db.yaml]
    env_file: parts/given.env
services:
  web: {image: nginx, extends: {file: parent.yaml, service: p}, label_file: web.labels}
  app: {image: nginx, env_file: [app.env, {path: extra.env, required: false}]}
""",
    )
    folder.write("more.yaml", "services: {}")
    folder.write("live.env", "TAG=1")
    folder.write("parts/db.yaml", "include: [deep/x.yaml]")
    folder.write("parts/given.env", "")
    files = folder.project("compose.yaml", "more.yaml", env_files=("live.env",))
    compose = await find(script)
    for _ in range(2):
        await compose.effective_config(files)
    assert len(script.calls) == 1

    folder.write(name, content)
    await compose.effective_config(files)

    assert len(script.calls) == 2


async def test_a_new_env_file_is_noticed(script: Script, folder: Folder) -> None:
    files = folder.compose("services: {web: {image: 'nginx:${TAG}'}}")
    compose = await find(script)
    await compose.effective_config(files)

    folder.write(".env", "TAG=1")
    await compose.effective_config(files)

    assert len(script.calls) == 2


async def test_a_project_with_the_same_name_and_other_files_is_rendered_again(
    script: Script, folder: Folder
) -> None:
    files = folder.compose("services: {web: {image: nginx}}")
    folder.write("more.yaml", "services: {}")
    compose = await find(script)

    for asked in (files, folder.project("compose.yaml", "more.yaml"), files):
        await compose.effective_config(asked)

    assert len(script.calls) == 3


async def test_a_changed_file_of_the_same_size_is_noticed_by_its_time(script: Script, folder: Folder) -> None:
    files = folder.compose("services: {web: {image: nginx:1}}")
    compose = await find(script)
    await compose.effective_config(files)

    folder.compose("services: {web: {image: nginx:2}}")
    os.utime(folder.path / "compose.yaml", ns=(1, 1))
    await compose.effective_config(files)

    assert len(script.calls) == 2


@pytest.mark.parametrize("reference", ["${PART}.yaml", "https://example.test/a.yaml", "oci://example/a"])
async def test_a_project_with_inputs_that_cannot_be_listed_is_rendered_every_time(
    script: Script, folder: Folder, reference: str
) -> None:
    files = folder.compose(f"include: ['{reference}']\nservices: {{web: {{image: nginx}}}}")
    compose = await find(script)

    for _ in range(2):
        await compose.effective_config(files)

    assert len(script.calls) == 2


async def test_the_last_change_is_known_when_some_inputs_are_not(script: Script, folder: Folder) -> None:
    files = folder.compose("services: {web: {image: nginx, env_file: '${STAGE}.env'}}")
    os.utime(folder.path / "compose.yaml", (1000, 1000))

    config = await (await find(script)).effective_config(files)

    assert config.changed_at == datetime.fromtimestamp(1000, UTC)


async def test_circular_includes_end(script: Script, folder: Folder) -> None:
    folder.write("b.yaml", "include: [compose.yaml, b.yaml]")
    files = folder.compose("include: [b.yaml]\nservices: {web: {image: nginx}}")

    assert (await (await find(script)).effective_config(files)).warnings == ()


@pytest.mark.parametrize(
    ("out", "err", "code", "why"),
    [
        ("", "boom", 1, "boom"),
        ("", "boom", 0, "boom"),  # a wrapper that loses the exit code
        (RENDERED, "boom", 17, "boom"),
        ("{not json", "", 0, "it printed something unexpected (JSONDecodeError)"),
        ('{"services": {"web": 7}}', "", 0, "it printed something unexpected (ValueError)"),
        ("- a\n", "", 0, "it printed something unexpected (ValueError)"),
        ("a: [", "", 0, "it printed something unexpected (ParserError)"),
    ],
)
async def test_after_a_failure_the_files_are_merged_with_a_warning(
    script: Script, folder: Folder, out: str, err: str, code: int, why: str
) -> None:
    script.answers(out, err, code)
    files = folder.compose("services: {web: {image: 'nginx:${TAG}'}}")

    config = await (await find(script)).effective_config(files)

    assert [service.image for service in config.services] == ["nginx:${TAG}"]
    assert config.warnings == (
        f"Compose could not render {folder.path}/compose.yaml ({why});"
        " its services are read from the files as they are written, without variables.",
    )


async def test_compose_is_called_again_after_a_failure(script: Script, folder: Folder) -> None:
    files = folder.compose("services: {web: {image: 'nginx:${TAG}'}}")
    compose = await find(script)
    script.answers("", "boom", 1)
    await compose.effective_config(files)
    script.answers(RENDERED)

    config = await compose.effective_config(files)

    assert ([service.image for service in config.services], config.warnings) == (["nginx:1"], ())


async def test_a_compose_that_hangs_is_killed_and_reported(script: Script, folder: Folder) -> None:
    script.answers("", before="sleep 1000")
    files = folder.compose("services: {web: {image: nginx}}")

    (warning,) = (await (await find(script, timeout_seconds=1)).effective_config(files)).warnings

    assert "was ended after 1 seconds" in warning


async def test_a_compose_that_vanished_is_reported(script: Script, folder: Folder) -> None:
    files = folder.compose("services: {web: {image: nginx}}")
    compose = await find(script)
    script.path.unlink()

    (warning,) = (await compose.effective_config(files)).warnings

    assert "cannot be started" in warning


async def test_a_project_without_services_is_refused(script: Script, folder: Folder) -> None:
    script.answers('{"name": "blog", "services": {}}')

    with pytest.raises(ComposeError, match="compose_no_services"):
        await (await find(script)).effective_config(folder.compose("services: {}"))


async def test_compose_is_not_called_for_files_that_cannot_be_read(script: Script, folder: Folder) -> None:
    with pytest.raises(ComposeError, match="compose_file_unreadable"):
        await (await find(script)).effective_config(folder.project("gone.yaml"))

    assert script.calls == []


@pytest.mark.parametrize("name", ["gone", "x" * 300])
async def test_an_impossible_working_directory_does_not_fail(
    script: Script, folder: Folder, name: str
) -> None:
    path = folder.write("compose.yaml", "services: {}")
    files = ProjectFiles("blog", (path,), folder.path / name)

    assert len((await (await find(script)).effective_config(files)).services) == 1


async def test_a_reference_with_an_impossible_path_does_not_fail(script: Script, folder: Folder) -> None:
    files = folder.compose(f"include: [{'x' * 300}.yaml]\nservices: {{web: {{image: nginx}}}}")

    assert len((await (await find(script)).effective_config(files)).services) == 1


async def test_many_projects_are_rendered_by_a_few_children_at_a_time(
    script: Script, folder: Folder, tmp_path: Path
) -> None:
    """Each child counts the children that run at the same time."""
    counter = tmp_path / "running"
    counter.mkdir()
    script.answers(
        RENDERED,
        before=f"touch {counter}/$$; ls {counter} | wc -l >> {tmp_path}/seen; sleep 0.05; rm {counter}/$$",
    )
    path = folder.write("compose.yaml", "services: {}")
    compose = await find(script)

    async with asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(compose.effective_config(ProjectFiles(f"p{number}", (path,))))

    assert max(int(line) for line in (tmp_path / "seen").read_text().split()) <= 4

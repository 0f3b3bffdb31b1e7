import shutil
from pathlib import Path

import pytest

from dockrev.compose.lazy import LazyCompose, RawMerge
from dockrev.compose.models import ProjectFiles
from dockrev.errors import ComposeError
from tests.discovery.host import docker_config
from tests.fakes.clock import MovableClock
from tests.testbed.requirements import COMPOSE_V1, COMPOSE_V2

WITH_VARIABLE = 'services: {web: {image: "nginx:${TAG:-1.27}"}}'


@pytest.fixture
def files(tmp_path: Path) -> ProjectFiles:
    path = tmp_path / "compose.yaml"
    path.write_text(WITH_VARIABLE)
    return ProjectFiles("blog", (path,))


@pytest.mark.parametrize(
    "program",
    [
        COMPOSE_V2,
        pytest.param(
            COMPOSE_V1,
            marks=pytest.mark.skipif(not COMPOSE_V1.exists(), reason=f"{COMPOSE_V1} is not installed"),
        ),
    ],
    ids=["V2", "V1"],
)
async def test_compose_of_both_versions_renders_the_files(files: ProjectFiles, program: Path) -> None:
    config = await LazyCompose(docker_config(program), MovableClock()).effective_config(files)

    assert [service.image for service in config.services] == ["nginx:1.27"]
    assert config.warnings == ()


async def test_without_compose_the_files_are_merged_as_written_with_a_remedy(
    files: ProjectFiles, tmp_path: Path
) -> None:
    config = await LazyCompose(docker_config(tmp_path / "none"), MovableClock()).effective_config(files)

    assert [service.image for service in config.services] == ["nginx:${TAG:-1.27}"]
    (warning,) = config.warnings
    assert "Install the Compose plugin" in warning
    assert "DOCKREV_COMPOSE_BIN" in warning


async def test_a_compose_that_appears_is_found_within_a_minute(files: ProjectFiles, tmp_path: Path) -> None:
    clock, program = MovableClock(), tmp_path / "docker-compose"
    configs = LazyCompose(docker_config(program), clock)
    await configs.effective_config(files)

    shutil.copy(COMPOSE_V2, program)
    early = await configs.effective_config(files)
    clock.advance(60)
    late = await configs.effective_config(files)

    assert early.services[0].image == "nginx:${TAG:-1.27}"
    assert late.services[0].image == "nginx:1.27"


async def test_missing_compose_is_logged_once(
    files: ProjectFiles, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = MovableClock()
    compose = LazyCompose(docker_config(tmp_path / "none"), clock)

    for _ in range(3):
        await compose.effective_config(files)
        clock.advance(60)

    (line,) = [record for record in caplog.records if record.name == "dockrev.compose.lazy"]
    assert line.__dict__["action"] == "compose.missing"
    assert "Install the Compose plugin" in line.getMessage()


async def test_without_compose_files_are_merged_again_only_when_they_change(files: ProjectFiles) -> None:
    configs = RawMerge("no Compose")
    first = await configs.effective_config(files)

    assert await configs.effective_config(files) is first

    files.config_files[0].write_text("services: {web: {image: changed}}")
    assert (await configs.effective_config(files)).services[0].image == "changed"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "compose_file_unreadable"),
        ("services: [", "compose_file_invalid"),
        ("services: {}", "compose_no_services"),
    ],
)
async def test_unusable_files_fail_as_they_do_with_compose(
    files: ProjectFiles, content: str | None, reason: str
) -> None:
    (path,) = files.config_files
    if content is None:
        path.unlink()
    else:
        path.write_text(content)

    for configs in (RawMerge("no Compose"), LazyCompose(docker_config(COMPOSE_V2), MovableClock())):
        with pytest.raises(ComposeError) as raised:
            await configs.effective_config(files)
        assert raised.value.details["reason"] == reason

"""Reads the configuration of a running project from its labels."""

from pathlib import Path

import pytest

from dockrev.compose.models import ProjectFiles
from tests.compose.conftest import real_compose
from tests.testbed.engine import Engine
from tests.testbed.images import Images
from tests.testbed.projects import ComposeVersion, Projects

PREFIX = "com.docker.compose.project"


@pytest.mark.parametrize("version", ComposeVersion)
async def test_the_effective_image_is_the_running_image(
    engine: Engine, projects: Projects, images: Images, version: ComposeVersion
) -> None:
    engine.load(images.build("web"), "compose-labels:1.0")
    blog = projects.create(
        "blog",
        "services: {web: {image: '${NAME}:${TAG}'}}",
        files={".env": "NAME=compose-labels\nTAG=1.0\n"},
        version=version,
    )
    blog.up()

    (running,) = blog.containers("web")
    files = ProjectFiles(
        name=running.labels[PREFIX],
        config_files=tuple(map(Path, running.labels[f"{PREFIX}.config_files"].split(","))),
        working_directory=Path(running.labels[f"{PREFIX}.working_dir"]),
        env_files=tuple(
            map(Path, filter(None, running.labels.get(f"{PREFIX}.environment_file", "").split(",")))
        ),
    )
    config = await (await real_compose(version)).effective_config(files)

    assert [(service.name, service.image) for service in config.services] == [("web", running.image)]
    assert config.warnings == ()

"""The real Compose, V2 and V1, on the testbed's engine."""

import pytest

from tests.testbed.bed import Bed
from tests.testbed.engine import Engine
from tests.testbed.images import Healthcheck, Images
from tests.testbed.projects import ComposeFailed, ComposeVersion, Content, Projects
from tests.testbed.registry import Registry
from tests.testbed.requirements import BUSYBOX

pytestmark = pytest.mark.soak

DOCKERFILE = 'FROM scratch\nCOPY busybox /bin/busybox\nCMD ["/bin/busybox", "sleep", "1000"]\n'

both_versions = pytest.mark.parametrize("version", ComposeVersion)


@both_versions
def test_a_project_runs_what_was_pushed(
    projects: Projects, registry: Registry, images: Images, version: ComposeVersion
) -> None:
    image = images.build("web", version="1.0", healthcheck=Healthcheck("test -f /version"))
    pushed = registry.push(image, "web:1.0")
    blog = projects.create("blog", {"web": {"image": pushed.name}}, version=version)

    blog.up()

    container = blog.until("web", lambda container: "(healthy)" in container.status)
    assert (container.state, container.image) == ("running", pushed.name)
    assert container.image_id == image.image_id
    assert container.labels["org.opencontainers.image.version"] == "1.0"


def test_a_failing_healthcheck_makes_a_container_unhealthy(
    projects: Projects, engine: Engine, images: Images
) -> None:
    engine.load(images.build("ill", healthcheck=Healthcheck("false")), "testbed/ill:1")
    shop = projects.create("shop", {"web": {"image": "testbed/ill:1"}})

    shop.up()

    shop.until("web", lambda container: "(unhealthy)" in container.status)


@both_versions
def test_a_project_builds_its_own_image(projects: Projects, version: ComposeVersion) -> None:
    files: dict[str, Content] = {"app/Dockerfile": DOCKERFILE, "app/busybox": BUSYBOX}
    blog = projects.create("blog", {"web": {"build": "./app"}}, files=files, version=version)

    blog.up(build=True)

    assert [container.state for container in blog.containers("web")] == ["running"]


@both_versions
def test_variables_come_from_the_env_file_and_from_the_shell(
    projects: Projects, version: ComposeVersion
) -> None:
    files = {".env": "TAG=from-file\n"}
    services = {"web": {"image": "${NAME}:${TAG}"}}
    blog = projects.create("blog", services, files=files, env={"NAME": "from-shell"}, version=version)

    assert "from-shell:from-file" in blog.compose("config")


def test_stop_leaves_the_containers_and_down_removes_everything(
    projects: Projects, engine: Engine, registry: Registry, images: Images
) -> None:
    pushed = registry.push(images.build("web"), "web")
    services = {"web": {"image": pushed.name, "volumes": ["content:/content"]}}
    blog = projects.create("blog", services, volumes={"content": {}})
    blog.up()

    blog.stop()
    assert [container.state for container in blog.containers()] == ["exited"]

    blog.down()
    assert blog.containers() == []
    assert not _volumes_of(engine, blog.name)


def test_a_project_with_broken_files_can_be_removed(
    projects: Projects, engine: Engine, registry: Registry, images: Images
) -> None:
    pushed = registry.push(images.build("web"), "web")
    services = {"web": {"image": pushed.name, "volumes": ["content:/content"]}}
    blog = projects.create("blog", services, volumes={"content": {}})
    blog.up()
    blog.write("compose.yaml", "services: [")

    projects.remove_all()

    assert blog.containers() == []
    assert not _volumes_of(engine, blog.name)


def test_an_error_of_compose_has_the_output_of_compose(projects: Projects) -> None:
    broken = projects.create("broken", "services: [")

    with pytest.raises(ComposeFailed, match="yaml: line 1"):
        broken.up()


@both_versions
def test_compose_pulls_from_registries_that_require_a_login(
    projects: Projects, bed: Bed, images: Images, version: ComposeVersion
) -> None:
    image = images.build("web")
    services = {
        "password": {"image": bed.password_registry.push(image, f"{version}/web").name},
        "token": {"image": bed.token_registry.push(image, f"{version}/web").name},
    }
    blog = projects.create("blog", services, version=version)

    blog.up()

    assert [container.state for container in blog.containers()] == ["running", "running"]


def _volumes_of(engine: Engine, project: str) -> object:
    wanted = {"filters": {"label": [f"com.docker.compose.project={project}"]}}
    return engine.api.get("/volumes", wanted)["Volumes"]

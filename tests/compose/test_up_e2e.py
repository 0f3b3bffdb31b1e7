"""Runs `compose up` for some services of real projects, with both versions of Compose."""

from collections.abc import Mapping

import pytest

from dockrev.compose.cli import Compose
from dockrev.compose.models import ProjectFiles, UpOrder
from dockrev.config.shared import DockerConfig
from dockrev.errors import ComposeError
from tests.testbed.engine import Engine
from tests.testbed.images import Images
from tests.testbed.projects import ComposeVersion, Project, Projects
from tests.testbed.registry import Pushed, Registry

pytestmark = pytest.mark.parametrize("version", ComposeVersion)


class Blog:
    """A project whose services run version 1 of their image, and the Compose client of the product."""

    def __init__(self, project: Project, pushed: Pushed, compose: Compose, images: Images) -> None:
        self.project = project
        self.pushed = pushed
        self._compose = compose
        self._images = images
        self.lines: list[str] = []

    @property
    def files(self) -> ProjectFiles:
        return ProjectFiles(self.project.name, (self.project.config_file,), self.project.directory)

    def bring_version(self, version: str) -> str:
        """Tags this version locally with the name in the Compose file, whatever the registry has."""
        image = self._images.build("blog", version=version)
        return self.project.engine.load(image, self.pushed.name)

    async def up(self, *services: str, recreate: bool = False, **scales: int) -> None:
        await self._compose.up(UpOrder(self.files, services, scales, recreate), self.lines.append)

    async def up_to_date(self, service: str, replicas: int) -> bool:
        return await self._compose.is_up_to_date(self.files, service, replicas)

    def containers(self) -> Mapping[str, str]:
        """The ids of all containers by name. The names are the same for both versions of Compose."""
        return {
            container.name.replace("_", "-"): container.container_id
            for container in self.project.containers()
        }

    def images(self, service: str) -> list[str]:
        return [container.image_id for container in self.project.containers(service)]


@pytest.fixture
def pushed(registry: Registry, images: Images) -> Pushed:
    return registry.push(images.build("blog", version="1"), "blog:latest")


class Blogs:
    def __init__(self, engine: Engine, projects: Projects, images: Images, pushed: Pushed) -> None:
        self._engine, self._projects, self._images, self._pushed = engine, projects, images, pushed

    async def create(self, version: ComposeVersion, **services: Mapping[str, object]) -> Blog:
        image = {"image": self._pushed.name}
        project = self._projects.create(
            "blog",
            {name: {**image, **service} for name, service in services.items()},
            version=version,
            volumes={"data": {}},
        )
        project.up()
        config = DockerConfig(host=self._engine.host, compose_bin=str(version.program))
        return Blog(project, self._pushed, await Compose.find(config), self._images)


@pytest.fixture
def blogs(engine: Engine, projects: Projects, images: Images, pushed: Pushed) -> Blogs:
    return Blogs(engine, projects, images, pushed)


async def test_only_the_named_service_is_recreated(blogs: Blogs, version: ComposeVersion) -> None:
    blog = await blogs.create(version, db={}, web={"depends_on": ["db"]}, cron={"depends_on": ["web"]})
    before = blog.containers()
    image_id = blog.bring_version("2")

    await blog.up("web")

    changed = {name for name, container_id in blog.containers().items() if before[name] != container_id}
    assert changed == {f"{blog.project.name}-web-1"}
    assert blog.images("web") == [image_id]
    assert any("ecreate" in line or "Recreating" in line for line in blog.lines)


async def test_a_later_manual_up_changes_nothing(blogs: Blogs, version: ComposeVersion) -> None:
    """The registry's tag still names another image, and the files do not set the number of replicas."""
    blog = await blogs.create(version, web={"volumes": ["data:/data"]}, db={})
    image_id = blog.bring_version("2")
    await blog.up("web", "db")
    after = blog.containers()

    blog.project.up()

    assert blog.containers() == after
    assert blog.images("web") == [image_id]
    for container in blog.project.containers():
        labels = container.labels
        assert labels["com.docker.compose.project.config_files"] == str(blog.project.config_file)
        assert labels["com.docker.compose.project.working_dir"] == str(blog.project.directory)


async def test_up_without_a_change_keeps_the_containers(blogs: Blogs, version: ComposeVersion) -> None:
    blog = await blogs.create(version, web={})
    before = blog.containers()

    await blog.up("web")
    assert blog.containers() == before
    await blog.up("web", recreate=True)
    assert blog.containers() != before


async def test_the_number_of_replicas_is_kept(blogs: Blogs, version: ComposeVersion) -> None:
    blog = await blogs.create(version, web={})
    blog.project.compose("up", "--detach", "--scale", "web=3")
    image_id = blog.bring_version("2")

    await blog.up("web", web=3)

    assert blog.images("web") == [image_id] * 3


async def test_volumes_and_their_content_stay(blogs: Blogs, version: ComposeVersion) -> None:
    blog = await blogs.create(version, web={"volumes": ["data:/data", "/anonymous"]})
    before = mounts(blog)
    blog.bring_version("2")

    await blog.up("web")

    assert mounts(blog) == before


def mounts(blog: Blog) -> Mapping[str, str]:
    (web,) = blog.project.containers("web")
    document = blog.project.engine.api.get(f"/containers/{web.container_id}/json")
    return {mount["Destination"]: mount["Name"] for mount in document["Mounts"]}


async def test_services_that_share_a_network_are_recreated_together(
    blogs: Blogs, version: ComposeVersion
) -> None:
    blog = await blogs.create(version, vpn={}, web={"network_mode": "service:vpn", "depends_on": ["vpn"]})
    blog.bring_version("2")

    await blog.up("vpn", "web")

    ((vpn,), (web,)) = (blog.project.containers(name) for name in ("vpn", "web"))
    document = blog.project.engine.api.get(f"/containers/{web.container_id}/json")
    assert document["HostConfig"]["NetworkMode"] == f"container:{vpn.container_id}"


async def test_orphans_stay_whatever_the_env_file_sets(blogs: Blogs, version: ComposeVersion) -> None:
    blog = await blogs.create(version, web={}, old={})
    blog.project.write(".env", "COMPOSE_REMOVE_ORPHANS=true\n")
    blog.project.configure({"web": {"image": blog.pushed.name}})

    await blog.up("web")

    assert f"{blog.project.name}-old-1" in blog.containers()


async def test_a_volume_with_a_changed_configuration_keeps_its_data(
    blogs: Blogs, version: ComposeVersion
) -> None:
    """V2 asks whether it may delete the volume. V1 refuses."""
    blog = await blogs.create(version, web={"volumes": ["data:/data"]})
    made = blog.project.engine.api.get(f"/volumes/{blog.project.name}_data")
    services = {"web": {"image": blog.pushed.name, "volumes": ["data:/data"]}}
    blog.project.configure(services, volumes={"data": {"driver_opts": {"type": "tmpfs", "device": "tmpfs"}}})

    if version is ComposeVersion.V1:
        with pytest.raises(ComposeError, match="please remove the existing volume"):
            await blog.up("web")
    else:
        await blog.up("web")
        assert any("data will be lost" in line for line in blog.lines)

    assert blog.project.engine.api.get(f"/volumes/{blog.project.name}_data") == made


async def test_a_container_that_cannot_start_is_reported(blogs: Blogs, version: ComposeVersion) -> None:
    blog = await blogs.create(version, web={})
    blog.project.configure({"web": {"image": blog.pushed.name, "command": ["nosuch"]}})

    with pytest.raises(
        ComposeError, match=r"up` of web failed with exit code 1: .*exec: \"nosuch\""
    ) as failed:
        await blog.up("web")

    assert failed.value.message.count("nosuch") == 1


async def test_only_v1_pulls_a_missing_image(
    blogs: Blogs, registry: Registry, images: Images, version: ComposeVersion
) -> None:
    blog = await blogs.create(version, web={})
    elsewhere = images.build("elsewhere")
    blog.project.configure({"web": {"image": registry.push(elsewhere, "elsewhere:1").name}})

    if version is ComposeVersion.V1:
        await blog.up("web")
        assert blog.images("web") == [elsewhere.image_id]
    else:
        with pytest.raises(ComposeError, match="No such image"):
            await blog.up("web")


async def test_a_service_with_a_profile_starts_alone(blogs: Blogs, version: ComposeVersion) -> None:
    blog = await blogs.create(version, web={}, debug={"profiles": ["debug"]}, other={"profiles": ["debug"]})

    await blog.up("debug")

    names = {f"{blog.project.name}-{service}-1" for service in ("web", "debug")}
    assert set(blog.containers()) == names


async def test_is_up_to_date_tells_whether_up_would_keep_the_containers(
    blogs: Blogs, version: ComposeVersion
) -> None:
    """V1 cannot tell."""
    blog = await blogs.create(version, db={}, web={"network_mode": "service:db"})
    before, says = blog.containers(), version is ComposeVersion.V2
    assert await blog.up_to_date("db", 1) is await blog.up_to_date("web", 1) is says
    assert not await blog.up_to_date("db", 2)

    blog.project.configure(
        {
            "db": {"image": blog.pushed.name, "environment": {"EDITED": "1"}},
            "web": {"image": blog.pushed.name, "network_mode": "service:db"},
        },
        volumes={"data": {}},
    )
    assert not await blog.up_to_date("db", 1)
    assert await blog.up_to_date("web", 1) is says
    blog.bring_version("2")
    assert not await blog.up_to_date("web", 1)
    assert blog.containers() == before

"""Small Compose projects in the states worth seeing: behind, up to date, several platforms, not watched."""

from collections.abc import Callable
from dataclasses import dataclass

from dockrev.oci.platform import Platform
from tests.testbed.bed import Bed
from tests.testbed.projects import Project, Projects

_PLATFORMS = (Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))


@dataclass(frozen=True, slots=True)
class Shown:
    """`publish` gives the registry what the containers are behind of, once they run."""

    project: Project
    publish: Callable[[], None]


def stacks(bed: Bed, projects: Projects) -> list[Shown]:
    return [_blog(bed, projects), _media(bed, projects), _tools(bed, projects)]


def _blog(bed: Bed, projects: Projects) -> Shown:
    """A floating tag that moves on, and a version tag that is pushed again."""
    _push(bed, "blog", "1.4.0", "latest")
    _push(bed, "database", "16.3", "16.3")
    services = {"web": _service(bed, "blog:latest"), "db": _service(bed, "database:16.3")}

    def publish() -> None:
        _push(bed, "blog", "1.5.1", "latest")
        _push(bed, "database", "16.3-rebuilt", "16.3")

    return Shown(projects.create("blog", services), publish)


def _media(bed: Bed, projects: Projects) -> Shown:
    """An image for several platforms that moves on, and one that is up to date."""
    _push_index(bed, "player", "2.0.0", "stable")
    _push(bed, "subtitles", "3.1.2", "3.1.2")
    services = {"player": _service(bed, "player:stable"), "subtitles": _service(bed, "subtitles:3.1.2")}
    return Shown(projects.create("media", services), lambda: _push_index(bed, "player", "2.1.0", "stable"))


def _tools(bed: Bed, projects: Projects) -> Shown:
    """A service that is not watched though it is behind, and one behind in two replicas."""
    _push(bed, "backup", "0.9.0", "latest")
    _push(bed, "worker", "5.0.0", "5")
    services = {
        "backup": _service(bed, "backup:latest") | {"labels": {"dockrev.watch": "false"}},
        "worker": _service(bed, "worker:5") | {"deploy": {"replicas": 2}},
    }

    def publish() -> None:
        _push(bed, "backup", "1.0.0", "latest")
        _push(bed, "worker", "5.0.1", "5")

    return Shown(projects.create("tools", services), publish)


def _service(bed: Bed, name: str) -> dict[str, object]:
    return {"image": f"{bed.registry.host}/{name}", "stop_grace_period": "1s"}


def _push(bed: Bed, repository: str, version: str, tag: str) -> None:
    """Under its own version too, as projects do, so that it can be told what is behind the tag."""
    image = bed.images.build(repository, version=version)
    for name in {version, tag}:
        bed.registry.push(image, f"{repository}:{name}")


def _push_index(bed: Bed, repository: str, version: str, tag: str) -> None:
    images = [bed.images.build(repository, version=version, platform=platform) for platform in _PLATFORMS]
    for name in {version, tag}:
        bed.registry.push_index(images, f"{repository}:{name}", attestations=True)

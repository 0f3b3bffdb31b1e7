"""Small Compose projects with typical states: outdated, up to date, several platforms, not watched."""

from collections.abc import Callable
from dataclasses import dataclass

from dockrev.oci.platform import Platform
from tests.testbed.bed import Bed
from tests.testbed.projects import Project, Projects

_PLATFORMS = (Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))


@dataclass(frozen=True, slots=True)
class Shown:
    """A running project. `publish` pushes the newer images that make it outdated."""

    project: Project
    publish: Callable[[], None]


def stacks(bed: Bed, projects: Projects) -> list[Shown]:
    return [_blog(bed, projects), _media(bed, projects), _tools(bed, projects)]


def _blog(bed: Bed, projects: Projects) -> Shown:
    """A floating tag that moves, and a version tag that is pushed again."""
    _push(bed, "blog", "1.4.0", "latest")
    _push(bed, "database", "16.3", "16.3")
    services = {"web": _service(bed, "blog:latest"), "db": _service(bed, "database:16.3")}

    def publish() -> None:
        _push(bed, "blog", "1.5.1", "latest")
        _push(bed, "database", "16.3-rebuilt", "16.3")

    return Shown(projects.create("blog", services), publish)


def _media(bed: Bed, projects: Projects) -> Shown:
    """An outdated image for several platforms, and an image that is up to date."""
    _push_index(bed, "player", "2.0.0", "stable")
    _push(bed, "subtitles", "3.1.2", "3.1.2")
    services = {"player": _service(bed, "player:stable"), "subtitles": _service(bed, "subtitles:3.1.2")}
    return Shown(projects.create("media", services), lambda: _push_index(bed, "player", "2.1.0", "stable"))


def _tools(bed: Bed, projects: Projects) -> Shown:
    """An outdated service that is not watched, and an outdated service with two replicas."""
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
    """Pushes the image under its version too, so that the version behind the floating tag can be found."""
    image = bed.images.build(repository, version=version)
    for name in {version, tag}:
        bed.registry.push(image, f"{repository}:{name}")


def _push_index(bed: Bed, repository: str, version: str, tag: str) -> None:
    images = [bed.images.build(repository, version=version, platform=platform) for platform in _PLATFORMS]
    for name in {version, tag}:
        bed.registry.push_index(images, f"{repository}:{name}", attestations=True)

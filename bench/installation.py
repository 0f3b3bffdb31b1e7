"""The Compose projects on the host of a bench, with five services each, as files and as values."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from bench.truth import ReleaseTruth

SERVICES_PER_PROJECT = 5


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image that was pulled as `registry/repository:tag` when the tag named `running`."""

    registry: str
    repository: str
    tag: str
    running: ReleaseTruth

    @property
    def reference(self) -> str:
        return f"{self.registry}/{self.repository}:{self.tag}"

    @property
    def repo_digest(self) -> str:
        """The repo digest after a pull by tag: the digest of the index, if there is one."""
        return f"{self.registry}/{self.repository}@{self.running.digest}"


@dataclass(frozen=True, slots=True)
class InstalledService:
    project: str
    service: str
    directory: str
    image: LocalImage

    @property
    def container_name(self) -> str:
        return f"{self.project}-{self.service}-1"

    @property
    def config_file(self) -> str:
        return f"{self.directory}/compose.yaml"


Installation = tuple[InstalledService, ...]
FORMAT: TypeAdapter[Installation] = TypeAdapter(Installation)
"""The file format in which an installation is handed to the engine's process."""


def install(images: Iterable[LocalImage], directory: Path) -> Installation:
    """Installs one service for each image. Writes one compose file for every five services."""
    services = tuple(_service(number, image, directory) for number, image in enumerate(images))
    for first in range(0, len(services), SERVICES_PER_PROJECT):
        _write(services[first : first + SERVICES_PER_PROJECT])
    return services


def _service(number: int, image: LocalImage, directory: Path) -> InstalledService:
    project, place = divmod(number, SERVICES_PER_PROJECT)
    name = f"bench-{project:03}"
    return InstalledService(name, f"service-{place}", str(directory / name), image)


def _write(services: Installation) -> None:
    lines = [f"name: {services[0].project}", "services:"]
    for service in services:
        lines += [
            f"  {service.service}:",
            f"    image: {service.image.reference}",
            "    restart: unless-stopped",
        ]
    path = Path(services[0].config_file)
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

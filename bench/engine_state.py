"""The containers and images of the fake engine, in the shapes of the Engine API (v1.47 reference)."""

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.installation import Installation, InstalledService, LocalImage

STARTED_SECONDS_AGO = 3600
IMAGE_SIZE = 48_000_000

_OTHER_TOOLS = {"wud.watch.digest": "true", "dd.watch.digest": "true", "diun.enable": "true"}
"""Labels for other update checkers, so that the same engine can measure them too."""

JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Effect:
    state: str
    status: str


EFFECTS = {
    "start": Effect("running", "Up 1 second"),
    "die": Effect("exited", "Exited (0) 1 second ago"),
    "pause": Effect("paused", "Up 1 hour (Paused)"),
    "unpause": Effect("running", "Up 1 hour"),
    "health_status: healthy": Effect("running", "Up 1 hour (healthy)"),
    "health_status: unhealthy": Effect("running", "Up 1 hour (unhealthy)"),
}
"""The events that can be emitted, and the new state of the container."""


@dataclass(slots=True)
class Container:
    service: InstalledService
    created: int
    state: str = "running"
    status: str = "Up 1 hour"
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = hashlib.sha256(self.service.container_name.encode()).hexdigest()

    @property
    def labels(self) -> dict[str, str]:
        service = self.service
        return {
            "com.docker.compose.project": service.project,
            "com.docker.compose.service": service.service,
            "com.docker.compose.project.config_files": service.config_file,
            "com.docker.compose.project.working_dir": service.directory,
            "com.docker.compose.container-number": "1",
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.image": service.image.running.image_id,
            **service.image.running.labels,
            **_OTHER_TOOLS,
        }

    def listed(self) -> JsonObject:
        return {
            "Id": self.id,
            "Names": [f"/{self.service.container_name}"],
            "Image": self.service.image.reference,
            "ImageID": self.service.image.running.image_id,
            "Command": "/serve",
            "Created": self.created,
            "Ports": [],
            "Labels": self.labels,
            "State": self.state,
            "Status": self.status,
            "HostConfig": {"NetworkMode": f"{self.service.project}_default"},
            "NetworkSettings": {"Networks": {}},
            "Mounts": [],
        }

    def inspected(self) -> JsonObject:
        return {
            "Id": self.id,
            "Name": f"/{self.service.container_name}",
            "Image": self.service.image.running.image_id,
            "Created": _moment(self.created),
            "State": {"Status": self.state, "Running": self.state == "running", "ExitCode": 0},
            "Config": {"Image": self.service.image.reference, "Labels": self.labels, "Cmd": ["/serve"]},
            "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}},
            "NetworkSettings": {"Networks": {}},
            "Mounts": [],
        }


class EngineState:
    def __init__(self, installation: Installation) -> None:
        created = int(time.time()) - STARTED_SECONDS_AGO
        self.containers = [Container(service, created) for service in installation]
        self._images = {service.image.running.image_id: service.image for service in installation}
        self._created = created

    def selected(self, filters: Mapping[str, Iterable[str]], *, everything: bool) -> list[Container]:
        """Filters containers like the API: one value of each name has to match, but all labels have to."""
        labels, states = list(filters.get("label", ())), set(filters.get("status", ()))
        return [
            container
            for container in self.containers
            if (everything or states or container.state in ("running", "paused"))
            and (not states or container.state in states)
            and all(_carries(container.labels, label) for label in labels)
        ]

    def container(self, name: str) -> Container | None:
        """The container with this name, this id, or an id that begins so."""
        for container in self.containers:
            if name == container.service.container_name or (name and container.id.startswith(name)):
                return container
        return None

    def images(self) -> list[JsonObject]:
        return [self._listed_image(image) for image in self._images.values()]

    def image(self, name: str) -> JsonObject | None:
        for image in self._images.values():
            if name in (image.reference, image.repo_digest, image.running.image_id):
                return self._inspected_image(image)
        return None

    def _listed_image(self, image: LocalImage) -> JsonObject:
        return {
            "Id": image.running.image_id,
            "ParentId": "",
            "RepoTags": [image.reference],
            "RepoDigests": [image.repo_digest],
            "Created": self._created,
            "Size": IMAGE_SIZE,
            "SharedSize": -1,
            "Containers": -1,
            "Labels": dict(image.running.labels),
        }

    def _inspected_image(self, image: LocalImage) -> JsonObject:
        return {
            "Id": image.running.image_id,
            "RepoTags": [image.reference],
            "RepoDigests": [image.repo_digest],
            "Created": _moment(self._created),
            "Os": "linux",
            "Architecture": "amd64",
            "Size": IMAGE_SIZE,
            "Config": {"Labels": dict(image.running.labels), "Cmd": ["/serve"]},
        }


def _carries(labels: Mapping[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

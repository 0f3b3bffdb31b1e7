"""A host in memory with real project files, for tests about registries and crashes."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dockrev.oci.digest import Digest
from tests.fakes.engine import FakeContainer, FakeEngine, FakeImage

CONFIG_FILES = "com.docker.compose.project.config_files"
WORKING_DIRECTORY = "com.docker.compose.project.working_dir"


@dataclass(frozen=True, slots=True)
class FakeHost:
    directory: Path
    engine: FakeEngine

    @classmethod
    @asynccontextmanager
    async def running(cls, directory: Path) -> AsyncIterator[Self]:
        async with FakeEngine.running() as engine:
            yield cls(directory, engine)

    @property
    def docker_host(self) -> str:
        return f"unix://{self.engine.socket}"

    def deploy(self, project: str, images: Mapping[str, str]) -> None:
        """Adds a container for each service. It runs an image that the tag named earlier."""
        directory = self.directory / project
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "compose.yaml"
        services = {service: {"image": image} for service, image in images.items()}
        file.write_text(json.dumps({"services": services}))
        labels = {CONFIG_FILES: str(file), WORKING_DIRECTORY: str(directory)}
        for service, image in images.items():
            self._run(project, service, image, labels)

    def _run(self, project: str, service: str, image: str, labels: Mapping[str, str]) -> None:
        name = f"{project}-{service}"
        digest, image_id = Digest.of(name.encode()), Digest.of(f"image of {name}".encode())
        repository, _, _ = image.rpartition(":")
        self.engine.images.append(FakeImage(image_id, (image,), (f"{repository}@{digest}",)))
        self.engine.containers.append(
            FakeContainer(image_id.partition(":")[2], image, image_id, project, service, labels=labels)
        )

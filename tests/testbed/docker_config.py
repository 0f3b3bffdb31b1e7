"""A directory for DOCKER_CONFIG, from which Compose and Dockrev read the accounts of registries."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.access import Credentials


@dataclass(frozen=True, slots=True)
class DockerConfig:
    directory: Path

    @property
    def file(self) -> Path:
        return self.directory / "config.json"

    def remember(self, host: str, credentials: Credentials) -> None:
        """Stores a login like `docker login`."""
        known = json.loads(self.file.read_text()) if self.file.exists() else {"auths": {}}
        known["auths"][host] = {"auth": credentials.basic}
        self.directory.mkdir(exist_ok=True)
        complete = self.file.with_suffix(".new")
        complete.write_text(json.dumps(known))
        complete.replace(self.file)

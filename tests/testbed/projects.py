"""Compose projects on the testbed's engine, run by the real Compose, V2 or V1."""

import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.testbed.docker_config import DockerConfig
from tests.testbed.engine import Engine, RunningContainer
from tests.testbed.requirements import COMPOSE_V1, COMPOSE_V2, PATH

Services = Mapping[str, Mapping[str, Any]]
Content = str | bytes | Path

_TIMEOUT_SECONDS = 120


class ComposeVersion(StrEnum):
    V2 = "v2"
    V1 = "v1"

    @property
    def program(self) -> Path:
        return COMPOSE_V1 if self is ComposeVersion.V1 else COMPOSE_V2


class ComposeFailed(Exception):
    """Compose exited with an error. The message holds its whole output."""


@dataclass(frozen=True, slots=True)
class Project:
    """A Compose project. Its methods block; use `to_thread` if the test's event loop serves Compose."""

    name: str
    directory: Path
    engine: Engine
    docker_config: DockerConfig
    version: ComposeVersion = ComposeVersion.V2
    env: Mapping[str, str] = field(default_factory=dict)
    """The environment variables of the shell that calls Compose."""

    @property
    def config_file(self) -> Path:
        return self.directory / "compose.yaml"

    def write(self, path: str, content: Content) -> Path:
        """Writes a file beside the compose file and creates its folders. A Path is copied with its mode."""
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        match content:
            case Path():
                shutil.copy(content, target)
            case str():
                target.write_text(content, encoding="utf-8")
            case bytes():
                target.write_bytes(content)
        return target

    def configure(self, services: Services, **top_level: Mapping[str, Any]) -> Path:
        """Rewrites the compose file as JSON, which is valid YAML."""
        return self.write("compose.yaml", json.dumps({"services": services, **top_level}, indent=2))

    def up(self, *services: str, build: bool = False) -> str:
        return self.compose("up", "--detach", *(["--build"] if build else []), *services)

    def stop(self, *services: str) -> str:
        return self.compose("stop", "--timeout", "1", *services)

    def down(self) -> str:
        """Removes the containers, networks and volumes."""
        return self.compose("down", "--volumes", "--remove-orphans", "--timeout", "1")

    def compose(self, *arguments: str, files: tuple[str, ...] = ("compose.yaml",)) -> str:
        """Runs Compose. Returns its output. `files` are relative to the directory. Raises ComposeFailed."""
        chosen = [word for file in files for word in ("--file", str(self.directory / file))]
        done = subprocess.run(
            [self.version.program, "--project-name", self.name, *chosen, *arguments],
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise ComposeFailed(f"{' '.join(arguments)} of {self.name}: {done.stdout}")
        return done.stdout

    def containers(self, service: str | None = None) -> list[RunningContainer]:
        return self.engine.containers(self.name, service)

    def until(
        self, service: str, condition: Callable[[RunningContainer], bool], patience_seconds: float = 30
    ) -> RunningContainer:
        """Waits until the condition is true of a container of the service. Returns that container."""
        deadline = time.monotonic() + patience_seconds
        while True:
            containers = self.containers(service)
            for container in filter(condition, containers):
                return container
            if time.monotonic() > deadline:
                raise TimeoutError(f"{service} of {self.name} is still: {containers}")
            time.sleep(0.05)

    def _environment(self) -> dict[str, str]:
        """The environment of Compose. Selects the classic builder, because BuildKit may not be installed."""
        return {
            "PATH": PATH,
            "HOME": str(self.docker_config.directory),
            "DOCKER_HOST": self.engine.host,
            "DOCKER_CONFIG": str(self.docker_config.directory),
            "DOCKER_BUILDKIT": "0",
            **self.env,
        }


class Projects:
    """Creates projects below one directory and removes everything that the engine has of them."""

    def __init__(
        self,
        engine: Engine,
        directory: Path,
        docker_config: DockerConfig,
        *,
        rename: Callable[[str], str] = lambda name: f"{name}-{secrets.token_hex(3)}",
    ) -> None:
        """`rename` adds a random suffix by default, because concurrent tests share the engine."""
        self._engine = engine
        self._directory = directory
        self._docker_config = docker_config
        self._rename = rename
        self._created: list[Project] = []

    def create(
        self,
        name: str,
        services: Services | str,
        *,
        files: Mapping[str, Content] | None = None,
        env: Mapping[str, str] | None = None,
        version: ComposeVersion = ComposeVersion.V2,
        **top_level: Mapping[str, Any],
    ) -> Project:
        """Writes the files and starts nothing. A string is the content of the compose file."""
        renamed = self._rename(name)
        project = Project(
            renamed, self._directory / renamed, self._engine, self._docker_config, version, env or {}
        )
        self._created.append(project)
        if isinstance(services, str):
            project.write("compose.yaml", services)
        else:
            project.configure(services, **top_level)
        for path, content in (files or {}).items():
            project.write(path, content)
        return project

    def remove_all(self) -> None:
        while self._created:
            self._engine.remove_project(self._created.pop().name)

"""What Compose is asked about, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

_OF_A_SERVICE = "service:"


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """A project as the labels of its containers describe it; all paths are absolute."""

    name: str
    config_files: tuple[Path, ...]
    working_directory: Path | None = None
    """None: the directory of the first file, as Compose itself decides."""
    env_files: tuple[Path, ...] = ()
    """Empty: `.env` in the working directory, if there is one."""

    @property
    def directory(self) -> Path:
        return self.working_directory or self.config_files[0].parent


@dataclass(frozen=True, slots=True)
class UpOrder:
    """What `compose up` is asked for: the containers of exactly these services.

    `scales` keeps numbers of containers that are not in the files; `recreate` makes them anew even where
    nothing changed.
    """

    files: ProjectFiles
    services: tuple[str, ...]
    scales: Mapping[str, int] = field(default_factory=dict)
    recreate: bool = False


class DependencyCondition(StrEnum):
    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


@dataclass(frozen=True, slots=True)
class Dependency:
    """Written under `depends_on`, or implied by links, `volumes_from` or a namespace of another service."""

    service: str
    condition: DependencyCondition = DependencyCondition.STARTED
    restart: bool = False
    """Compose restarts who depends on it when it makes it anew."""


@dataclass(frozen=True, slots=True)
class ServiceVolume:
    type: str
    """`volume`, `bind`, `tmpfs`, or another of Compose's words."""
    source: str | None
    """A path, or a volume's name as the engine knows it; None: anonymous."""
    target: str


@dataclass(frozen=True, slots=True)
class ComposeService:
    name: str
    image: str | None
    builds: bool
    labels: Mapping[str, str]
    depends_on: tuple[Dependency, ...] = ()
    network_mode: str | None = None
    pid: str | None = None
    ipc: str | None = None
    volumes_from: frozenset[str] = field(default=frozenset(), compare=False)
    """Services whose volumes it has; its containers name theirs by id."""
    volumes: tuple[ServiceVolume, ...] = ()
    networks: frozenset[str] | None = field(default=None, compare=False)
    """By the engine's names; None: not rendered, or another network mode takes their place."""
    environment: Mapping[str, str | None] = field(default_factory=dict, compare=False, repr=False)
    """As rendered, env files included. None: the value of the shell that calls Compose, if it has one."""
    published: frozenset[str] = field(default=frozenset(), compare=False)
    """Ports of the host, as rendered; without those that the engine chooses."""
    file_variables: frozenset[str] = field(default=frozenset(), compare=False)
    """Whose values are the content of its secrets and configs."""
    digest: str = field(default="", compare=False)
    """Of the whole service as rendered, secrets included: equal as long as nothing of it was edited.

    Empty when Compose could not render the project.
    """

    @property
    def namespace_owners(self) -> frozenset[str]:
        """The services in whose network, process or IPC namespace it lives.

        Its containers name theirs by id, so they are made anew together.
        """
        modes = (self.network_mode, self.pid, self.ipc)
        return frozenset(
            mode.removeprefix(_OF_A_SERVICE) for mode in modes if mode and mode.startswith(_OF_A_SERVICE)
        )


@dataclass(frozen=True, slots=True)
class EffectiveConfig:
    services: tuple[ComposeService, ...]
    warnings: tuple[str, ...] = ()
    """Sentences for the operator: undefined variables, or that Compose could not render the files."""
    rendered: bool = True
    """By Compose itself; False: merged from the files as they are written."""
    changed_at: datetime | None = None
    """The last change of any file that takes part, as far as they can be found; None: not known."""
    unset_variables: frozenset[str] = frozenset()
    """Those of the services' `file_variables` that nothing sets: Compose can start no container with them."""


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project as its files are now."""

    files: ProjectFiles
    config: EffectiveConfig

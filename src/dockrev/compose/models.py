"""The requests to Compose and its answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

_OF_A_SERVICE = "service:"


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """The files of a project, as the labels of its containers name them. All paths are absolute."""

    name: str
    config_files: tuple[Path, ...]
    working_directory: Path | None = None
    """None: the directory of the first file, which is the default of Compose."""
    env_files: tuple[Path, ...] = ()
    """Empty: `.env` in the working directory, if there is one."""

    @property
    def directory(self) -> Path:
        return self.working_directory or self.config_files[0].parent


@dataclass(frozen=True, slots=True)
class UpOrder:
    """A call of `compose up` for exactly these services.

    `scales`: numbers of replicas that are not in the files. `recreate`: Compose recreates the containers even
    if nothing changed.
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
    """When Compose recreates `service`, it restarts the dependent."""


@dataclass(frozen=True, slots=True)
class ServiceVolume:
    type: str
    """`volume`, `bind`, `tmpfs`, or another type of the Compose specification."""
    source: str | None
    """A path, or the engine's name of a volume. None: an anonymous volume."""
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
    """Services whose volumes it mounts. Its containers refer to their containers by id."""
    volumes: tuple[ServiceVolume, ...] = ()
    networks: frozenset[str] | None = field(default=None, compare=False)
    """The engine's names. None: Compose did not render the project, or `network_mode` replaces networks."""
    environment: Mapping[str, str | None] = field(default_factory=dict, compare=False, repr=False)
    """As rendered, with env files. A value of None comes from the shell that calls Compose."""
    published: frozenset[str] = field(default=frozenset(), compare=False)
    """The host ports, as rendered, without those that the engine chooses."""
    file_variables: frozenset[str] = field(default=frozenset(), compare=False)
    """The variables that hold the content of its secrets and configs."""
    digest: str = field(default="", compare=False)
    """A hash of the whole rendered service, secrets included. It changes when anyone edits the service.

    Empty when Compose could not render the project.
    """

    @property
    def namespace_owners(self) -> frozenset[str]:
        """The services whose network, process or IPC namespace it shares.

        Its containers refer to theirs by id, so Compose must recreate them together.
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
    """True: Compose rendered the files. False: Dockrev merged them as they are written."""
    changed_at: datetime | None = None
    """The last change of any input file that Dockrev could find. None: unknown."""
    unset_variables: frozenset[str] = frozenset()
    """The `file_variables` of services that are not set. Compose cannot start containers that need them."""


@dataclass(frozen=True, slots=True)
class ProjectView:
    """The current files of a project and their configuration."""

    files: ProjectFiles
    config: EffectiveConfig

"""What a replacement needs from the process that runs it."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from dockrev.docker.data import BackupTarget
from dockrev.docker.registry_login import RegistryLogin
from dockrev.errors import Json
from dockrev.oci.manifest import ImageManifest, Index
from dockrev.oci.ref import ImageRef
from dockrev.replacement.outcome import BackupStep
from dockrev.replacement.plan import ServiceChange

Facts = Mapping[str, Json]


class Journal(Protocol):
    """What a replacement has done so far, by subject (a service's id, or PROJECT) and entry."""

    async def read(self, subject: str) -> Mapping[str, Facts]:
        """The entries of a subject by their names. Raises StorageError."""
        ...

    async def write(self, subject: str, entry: str, facts: Facts) -> None:
        """Survives a power cut from the moment this returns. Raises StorageError."""
        ...


class StepStatus(StrEnum):
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepEvent:
    """`change`: None for a step of all services together. `warning`: the replacement goes on without it."""

    change: ServiceChange | None
    step: str
    status: StepStatus
    text: str
    warning: bool = False


class EndedStep(NamedTuple):
    """`service_id`: None for a step of all services together."""

    service_id: str | None
    step: str
    status: StepStatus


class Tell(Protocol):
    """Shows people what happens. An event that was stored is still there after a crash."""

    def planned(self, changes: Sequence[ServiceChange]) -> None:
        """The order in which the services will be changed."""
        ...

    async def line(self, text: str, *, warning: bool = False) -> None:
        """A line that cannot be stored is dropped."""
        ...

    async def step(self, event: StepEvent) -> None:
        """Raises StorageError."""
        ...

    async def ended_steps(self) -> Collection[EndedStep]:
        """Those of every DONE or FAILED event, also before a crash."""
        ...

    def pulling(self, change: ServiceChange, done_bytes: int, total_bytes: int) -> None: ...

    def waiting(self, change: ServiceChange, reason: str) -> None: ...

    async def replaced(self, change: ServiceChange) -> None:
        """The containers of this service are in their final state: whoever shows them looks again."""
        ...


class DataSaver(Protocol):
    async def save(self, service_ids: Sequence[str]) -> BackupStep:
        """Saves the data of these services. A failure is in the result, it is not raised."""
        ...

    async def restore(self, backup_id: str, data: Collection[BackupTarget]) -> str:
        """Restores as much of this data as the backup holds; says what it did. Raises AppError."""
        ...


@dataclass(frozen=True, slots=True)
class ImageRegistry:
    """`login`: what the engine shows to the registry; None: it asks without a login."""

    manifest: Callable[[ImageRef], Awaitable[Index | ImageManifest]]
    login: Callable[[ImageRef], Awaitable[RegistryLogin | None]]

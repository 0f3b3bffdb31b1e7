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
    """What a replacement has done so far: entries by subject (a service's id, or PROJECT) and entry name."""

    async def read(self, subject: str) -> Mapping[str, Facts]:
        """The entries of a subject by their names. Raises StorageError."""
        ...

    async def write(self, subject: str, entry: str, facts: Facts) -> None:
        """Stores an entry. When this returns, the entry survives a power cut. Raises StorageError."""
        ...


class StepStatus(StrEnum):
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepEvent:
    """`change` is None for a step of all services together. `warning`: the replacement continues anyway."""

    change: ServiceChange | None
    step: str
    status: StepStatus
    text: str
    warning: bool = False


class EndedStep(NamedTuple):
    """`service_id` is None for a step of all services together."""

    service_id: str | None
    step: str
    status: StepStatus


class Tell(Protocol):
    """Shows people what happens. A stored event survives a crash."""

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
        """The steps of all DONE and FAILED events, including those before a crash."""
        ...

    def pulling(self, change: ServiceChange, done_bytes: int, total_bytes: int) -> None: ...

    def waiting(self, change: ServiceChange, reason: str) -> None: ...

    async def replaced(self, change: ServiceChange) -> None:
        """Refreshes what people see: the containers of this service have reached their final state."""
        ...


class DataSaver(Protocol):
    async def save(self, service_ids: Sequence[str]) -> BackupStep:
        """Saves the data of these services. A failure is in the result and is not raised."""
        ...

    async def restore(self, backup_id: str, data: Collection[BackupTarget]) -> str:
        """Restores as much of this data as the backup holds. Returns what it did, as a phrase.

        Raises AppError.
        """
        ...


@dataclass(frozen=True, slots=True)
class ImageRegistry:
    """`login` returns the login for a pull by the engine; None when it pulls without a login."""

    manifest: Callable[[ImageRef], Awaitable[Index | ImageManifest]]
    login: Callable[[ImageRef], Awaitable[RegistryLogin | None]]

"""The data of services that outlives their containers: volumes and directories of the host. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from dockrev.docker.mounts import Mount
from dockrev.errors import Json


class TargetKind(StrEnum):
    VOLUME = "docker-volume"
    BIND = "bind-mount"


@dataclass(frozen=True, slots=True, order=True)
class BackupTarget:
    """`source` is the name of a volume, or a path on the engine's host."""

    kind: TargetKind
    source: str

    @property
    def _source_key(self) -> str:
        return "name" if self.kind is TargetKind.VOLUME else "path"

    def as_json(self) -> dict[str, Json]:
        return {"kind": self.kind.value, self._source_key: self.source}

    @classmethod
    def from_json(cls, document: Mapping[str, str]) -> "BackupTarget":
        kind = TargetKind(document["kind"])
        return cls(kind, document["name" if kind is TargetKind.VOLUME else "path"])

    def __str__(self) -> str:
        return f"{'volume' if self.kind is TargetKind.VOLUME else 'path'} {self.source}"


def target_of(mount: Mount) -> BackupTarget | None:
    """None for a mount that does not outlive the container, and for a socket, which no archive can hold."""
    if mount.type == "volume" and mount.name:
        return BackupTarget(TargetKind.VOLUME, mount.name)
    if mount.type == "bind" and mount.source and not mount.source.endswith(".sock"):
        return BackupTarget(TargetKind.BIND, str(PurePosixPath(mount.source)))
    return None


def overlap(target: BackupTarget, other: BackupTarget) -> bool:
    """Whether the two targets share files. A directory contains the directories below it."""
    return holds(target, other) or holds(other, target)


def holds(target: BackupTarget, other: BackupTarget) -> bool:
    """Whether `other` is the same data, or a part of it."""
    if TargetKind.VOLUME in (target.kind, other.kind):
        return target == other
    return PurePosixPath(other.source).is_relative_to(target.source)

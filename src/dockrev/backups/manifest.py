"""
The manifest: a file of JSON lines beside the archive that lists the content of the archive.

The first line describes the backup. Then each target has one line for every entry and one line that closes
the target. The last line has the digest of the archive. A manifest without it is truncated.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from dockrev.backups.tar_scanner import Entry
from dockrev.clock import parse_timestamp, timestamp
from dockrev.docker.data import BackupTarget
from dockrev.errors import BackupError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class BackedUpService:
    """A service with the images that it ran: the engine's image ids, and the registry's digests if known."""

    service_id: str
    name: str
    image_ids: tuple[str, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Head:
    backup_id: str
    job_id: str | None
    stack_id: str
    project: str
    created_at: datetime
    services: tuple[BackedUpService, ...]


@dataclass(frozen=True, slots=True)
class ArchivedTarget:
    """`label/root` is the name of the target's own entry in the archive.

    `offset` and `length`, in bytes: the place of that entry and of all below it in the uncompressed archive.
    """

    target: BackupTarget
    label: str
    root: str
    destinations: tuple[str, ...]
    entries: int
    size_bytes: int
    offset: int
    length: int

    @property
    def path(self) -> str:
        return f"{self.label}/{self.root}"


@dataclass(frozen=True, slots=True)
class Manifest:
    head: Head
    targets: tuple[ArchivedTarget, ...]
    sha256: str


def head_line(head: Head) -> bytes:
    document = asdict(head) | {"created_at": timestamp(head.created_at)}
    return _line({"format": FORMAT, **document})


def entry_line(entry: Entry) -> bytes:
    fields = ((name, getattr(entry, name)) for name in Entry.__slots__ if name != "offset")
    return _line({"entry": {name: value for name, value in fields if value != ""}})


def target_line(target: ArchivedTarget) -> bytes:
    return _line({"target": {**asdict(target), "target": target.target.as_json()}})


def end_line(sha256: str) -> bytes:
    return _line({"end": {"sha256": sha256}})


def read_manifest(path: Path) -> Manifest:
    """Reads the manifest without its entries. Raises BackupError."""
    head, targets, sha256 = None, [], ""
    for document in _documents(path):
        match document:
            case {"format": _}:
                head = _head(path, document)
            case {"target": fields}:
                targets.append(_target(fields))
            case {"end": {"sha256": str(sha256)}}:
                pass
    if head is None or not sha256:
        raise BackupError(f"the manifest {path} is truncated")
    return Manifest(head, tuple(targets), sha256)


class Entries:
    """Reads the entries from the file one by one, in the order of the archive."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Entry]:
        for document in _documents(self._path):
            if "entry" in document:
                yield _entry(document["entry"])

    def of(self, target: BackupTarget) -> dict[str, Entry]:
        """The entries of one target by name. A big tree needs much memory."""
        entries: dict[str, Entry] = {}
        for document in _documents(self._path):
            if "entry" in document:
                entry = _entry(document["entry"])
                entries[entry.path] = entry
            elif "target" in document:
                if BackupTarget.from_json(document["target"]["target"]) == target:
                    return entries
                entries = {}
        raise BackupError(f"the manifest {self._path} has no {target}")


@dataclass(frozen=True, slots=True)
class Differences:
    """`missing` and `extra` are names of entries. Each line of `changed` also says what differs."""

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.changed)

    def lines(self, limit: int = 5) -> tuple[str, ...]:
        described = (
            *(f"{name} is missing" for name in self.missing),
            *(f"{name} is not in the backup" for name in self.extra),
            *self.changed,
        )
        left_out = len(described) - limit
        return (*described[:limit], f"and {left_out} more") if left_out > 0 else described

    @classmethod
    def between(cls, archived: Mapping[str, Entry], current: Mapping[str, Entry]) -> Self:
        both = sorted(archived.keys() & current.keys())
        return cls(
            missing=tuple(sorted(archived.keys() - current.keys())),
            extra=tuple(sorted(current.keys() - archived.keys())),
            changed=tuple(
                f"{name} differs in {what}"
                for name in both
                if (what := changes(archived[name], current[name]))
            ),
        )


def changes(archived: Entry, current: Entry) -> str:
    """The names of the fields that differ, separated by commas. Empty when no field differs."""
    names = (name for name in Entry.__slots__ if name not in ("path", "offset"))
    return ", ".join(name for name in names if getattr(archived, name) != getattr(current, name))


def _documents(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as file:
            for line in file:
                yield json.loads(line)
    except OSError as error:
        raise BackupError(f"the manifest {path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BackupError(f"the manifest {path} is damaged ({error})") from error


def _line(document: Mapping[str, Any]) -> bytes:
    """Writes plain ASCII, because only escapes can represent names that are not valid UTF-8."""
    return json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n"


def _head(path: Path, fields: Mapping[str, Any]) -> Head:
    if fields["format"] != FORMAT:
        raise BackupError(f"the manifest {path} has format {fields['format']}; this release reads {FORMAT}")
    services = (
        BackedUpService(each["service_id"], each["name"], tuple(each["image_ids"]), tuple(each["digests"]))
        for each in fields["services"]
    )
    return Head(
        backup_id=fields["backup_id"],
        job_id=fields["job_id"],
        stack_id=fields["stack_id"],
        project=fields["project"],
        created_at=parse_timestamp(fields["created_at"]),
        services=tuple(services),
    )


def _target(fields: Mapping[str, Any]) -> ArchivedTarget:
    return ArchivedTarget(
        target=BackupTarget.from_json(fields["target"]),
        label=fields["label"],
        root=fields["root"],
        destinations=tuple(fields["destinations"]),
        entries=fields["entries"],
        size_bytes=fields["size_bytes"],
        offset=fields["offset"],
        length=fields["length"],
    )


def _entry(fields: Mapping[str, Any]) -> Entry:
    return Entry(**fields)

"""
The files of a backup: one tar archive of all targets, compressed with zstd, and its manifest.

Both files have temporary names until they are complete and synced to the disk. The archive is renamed last.
All functions here block, so call them in threads.
"""

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

import zstandard

from dockrev.backups import manifest as lines
from dockrev.backups.manifest import ArchivedTarget, Entries, Head, Manifest, changes, read_manifest
from dockrev.backups.tar_scanner import END, BrokenTar, Entry, TarScanner
from dockrev.docker.data import BackupTarget
from dockrev.errors import BackupError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE = 1 << 20
_LEVEL = 3
_PARTIAL = ".partial"


class ArchiveWriter:
    """A context manager. When its block ends without `finish`, it removes both files."""

    def __init__(self, path: Path, head: Head) -> None:
        self._path = path
        self._archive = _Output(path)
        self._manifest = _Output(manifest_path(path))
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()
        self._manifest.write(lines.head_line(head))
        self._position = 0
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._archive.close()
        self._manifest.close()
        if kind is not None or not self._finished:
            remove_files(self._path)

    def begin(
        self, target: BackupTarget, label: str, root: str, destinations: tuple[str, ...]
    ) -> "TargetWriter":
        return TargetWriter(self, ArchivedTarget(target, label, root, destinations, 0, 0, self._position, 0))

    def write(self, data: bytes | memoryview) -> None:
        self._position += len(data)
        self._archive.write(self._compressor.compress(data))

    def note(self, line: bytes) -> None:
        self._manifest.write(line)

    @property
    def position(self) -> int:
        return self._position

    def finish(self) -> int:
        """Completes the archive and returns its size. From now on the archive survives any crash."""
        self.write(END)
        self._archive.write(self._compressor.flush())
        self._manifest.write(lines.end_line(self._archive.sha256))
        self._manifest.publish()
        self._archive.publish()
        self._finished = True
        return self._archive.size


class TargetWriter:
    """Writes the tar stream of one target to the archive, without the closing blocks."""

    def __init__(self, archive: ArchiveWriter, target: ArchivedTarget) -> None:
        self._archive = archive
        self._target = target
        self._scanner = TarScanner()
        self._pending = bytearray()
        self._written = 0
        self._root_offset: int | None = None
        self._entries = 0
        self._size_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Raises BrokenTar."""
        self._pending += chunk
        for entry in self._scanner.feed(chunk):
            self._entry(entry)
        certain = self._scanner.certain - self._written
        self._archive.write(bytes(self._pending[:certain]))
        del self._pending[:certain]
        self._written += certain

    def end(self) -> ArchivedTarget:
        """Raises BrokenTar when the stream was truncated or did not contain the target."""
        self._scanner.close()
        if self._root_offset is None:
            raise BrokenTar(f"{self._target.target} does not exist any more")
        done = replace(
            self._target,
            entries=self._entries,
            size_bytes=self._size_bytes,
            offset=self._target.offset + self._root_offset,
            length=self._written - self._root_offset,
        )
        self._archive.note(lines.target_line(done))
        return done

    def _entry(self, entry: Entry) -> None:
        if entry.path == self._target.path:
            self._root_offset = entry.offset
        if self._root_offset is not None:
            self._entries += 1
        self._archive.note(lines.entry_line(entry))
        self._size_bytes += entry.size


def manifest_path(archive: Path) -> Path:
    return archive.with_name(archive.name.removesuffix(".tar.zst") + ".manifest.jsonl")


def remove_files(archive: Path) -> None:
    """Removes the archive and its manifest, finished or not."""
    for path in (archive, manifest_path(archive)):
        path.unlink(missing_ok=True)
        _partial(path).unlink(missing_ok=True)


def check_archive(path: Path) -> Iterator[int]:
    """Compares the archive with its manifest. Raises BackupError for any difference.

    Yields its position, in bytes of the uncompressed archive.
    """
    manifest = read_manifest(manifest_path(path))
    expected = iter(Entries(manifest_path(path)))
    digest, scanner, position = hashlib.sha256(), TarScanner(), 0
    with _reported_as_damage(path):
        for piece in _unpacked(path, digest):
            for entry in scanner.feed(piece):
                _require_equal(path, next(expected, None), entry)
            position += len(piece)
            yield position
        scanner.close()
    if (left := next(expected, None)) is not None:
        raise BackupError(f"the archive {path} is damaged: {left.path} is missing")
    if digest.hexdigest() != manifest.sha256:
        raise BackupError(f"the archive {path} is damaged: its checksum differs from the manifest")


def tree_of(path: Path, target: ArchivedTarget) -> Iterator[bytes]:
    """The tar entries of the target, without the closing blocks. Raises BackupError."""
    skip, left = target.offset, target.length
    with _reported_as_damage(path):
        for piece in _unpacked(path, hashlib.sha256()):
            part = piece[skip : skip + left]
            skip, left = max(skip - len(piece), 0), left - len(part)
            if part:
                yield part
            if not left:
                return
        raise BrokenTar(f"{target.target} does not match its manifest")


def read_backup(path: Path) -> Manifest:
    return read_manifest(manifest_path(path))


def _unpacked(path: Path, digest: "hashlib._Hash") -> Iterator[bytes]:
    """Yields pieces of at most 1 MiB, even of highly compressed data. `digest` gets the compressed bytes."""
    with path.open("rb", buffering=0) as file:
        source = io.BufferedReader(_Digested(file, digest), PIECE)
        reader = zstandard.ZstdDecompressor().stream_reader(source, closefd=False)
        while piece := reader.read(PIECE):
            yield piece
        while source.read(PIECE):
            pass


class _Digested(io.RawIOBase):
    """Adds every byte that is read to the digest."""

    def __init__(self, file: io.FileIO, digest: "hashlib._Hash") -> None:
        self._file = file
        self._digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        size = self._file.readinto(buffer)
        self._digest.update(memoryview(buffer)[:size])
        return size


def _require_equal(path: Path, expected: Entry | None, entry: Entry) -> None:
    if expected is None or expected.path != entry.path:
        raise BackupError(f"the archive {path} has an entry that its manifest does not have: {entry.path}")
    if what := changes(expected, entry):
        raise BackupError(f"the archive {path} is damaged: {entry.path} differs in {what}")


@contextmanager
def _reported_as_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (zstandard.ZstdError, BrokenTar) as error:
        raise BackupError(f"the archive {path} is damaged ({error})") from error
    except OSError as error:
        raise BackupError(f"the archive {path} cannot be read ({error.strerror})") from error


class _Output:
    """A file that only its owner can read, because the data may contain secrets."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self.size = 0
        descriptor = os.open(_partial(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._file: BinaryIO = os.fdopen(descriptor, "wb", PIECE)

    def write(self, data: bytes) -> None:
        self._digest.update(data)
        self.size += len(data)
        self._file.write(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def publish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        _partial(self._path).rename(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def close(self) -> None:
        with suppress(OSError):  # the disk may be full, and the file is removed anyway
            self._file.close()


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}{_PARTIAL}")

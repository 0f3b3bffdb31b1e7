"""Image layers: reproducible tar archives."""

import gzip
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from dockrev.oci.digest import Digest


@dataclass(frozen=True, slots=True)
class Layer:
    diff_id: Digest
    """The digest of the archive before compression."""
    compressed: bytes

    @property
    def digest(self) -> Digest:
        return Digest.of(self.compressed)


def pack(files: Mapping[str, bytes]) -> Layer:
    return _layer(tar(files))


def busybox_layer(busybox: Path) -> Layer:
    """A layer with the program in /bin, a link for each of its applets, and a /tmp."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add_directory(archive, "bin", 0o755)
        _add_directory(archive, "tmp", 0o1777)
        _add_file(archive, "bin/busybox", busybox.read_bytes(), 0o755)
        for applet in _applets(busybox):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return _layer(buffer.getvalue())


def _applets(busybox: Path) -> list[str]:
    listing = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    return [applet for applet in listing.stdout.split() if applet != "busybox"]


def tar(files: Mapping[str, bytes]) -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            _add_file(archive, name.lstrip("/"), content, 0o644)
    return buffer.getvalue()


def _add_file(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, BytesIO(content))


def _add_directory(archive: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    archive.addfile(entry)


def _layer(content: bytes) -> Layer:
    return Layer(Digest.of(content), gzip.compress(content, compresslevel=1, mtime=0))

"""
Reads a tar stream in chunks of any size and yields its entries. No I/O.

It reads the formats that an engine writes: ustar with PAX records (POSIX.1-2017, pax) and GNU's long names.
"""

import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

BLOCK = 512
END = b"\0" * 2 * BLOCK
"""The closing blocks of an archive."""

_LONG_NAME, _LONG_LINK = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK
_DESCRIBING = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE, _LONG_NAME, _LONG_LINK})
_MAX_DESCRIPTION = 1 << 20
_XATTR = "SCHILY.xattr."
_TYPES = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.LNKTYPE: "hardlink",
    tarfile.SYMTYPE: "symlink",
    tarfile.CHRTYPE: "character-device",
    tarfile.BLKTYPE: "block-device",
    tarfile.DIRTYPE: "directory",
    tarfile.FIFOTYPE: "fifo",
}


class BrokenTar(ValueError):
    """The stream is truncated, damaged, or not a tar stream at all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of an archive. In `path` and `link`, lone surrogates stand for non-UTF-8 bytes (PEP 383)."""

    path: str
    type: str
    size: int
    mode: int
    uid: int
    gid: int
    mtime: int
    link: str = ""
    sha256: str = ""
    """The digest of a file's content."""
    xattrs: str = ""
    """A digest of all extended attributes in the archive."""
    device: str = ""

    offset: int = 0
    """The position in the stream where the entry begins, with its PAX records."""


class TarScanner:
    """Takes the bytes in chunks and yields each entry after the entry's content.

    Without `hashing` it is faster, and the digests have no meaning.
    """

    def __init__(self, *, hashing: bool = True) -> None:
        self._hashing = hashing
        self.content_bytes = 0
        self._block = bytearray()
        self._position = 0
        self._begin = 0
        self._left = 0
        self._padding = 0
        self._describing: bytes | None = None
        self._description = bytearray()
        self._pax: dict[str, str] = {}
        self._header: tarfile.TarInfo | None = None
        self._hash = hashlib.sha256()
        self._zero_blocks = 0

    @property
    def ended(self) -> bool:
        """Whether the closing blocks were read."""
        return self._zero_blocks >= 2

    @property
    def certain(self) -> int:
        """The number of bytes so far that belong to entries for certain, and not to the closing blocks."""
        return self._position - len(self._block) - self._zero_blocks * BLOCK

    def feed(self, chunk: bytes) -> Iterator[Entry]:
        """Raises BrokenTar."""
        view = memoryview(chunk)
        while view and not self.ended:
            view = self._content(view) if self._left or self._padding else self._gather(view)
            if not self._left and not self._padding and (entry := self._finished()):
                yield entry

    def close(self) -> None:
        """Raises BrokenTar when the archive is not complete."""
        if not self.ended:
            raise BrokenTar("the archive ends too early")

    def _content(self, view: memoryview) -> memoryview:
        taken = min(len(view), self._left)
        if taken:
            if self._describing is not None:
                self._description += view[:taken]
            else:
                self._learn(view[:taken])
            self._left -= taken
        padded = min(len(view) - taken, self._padding) if not self._left else 0
        self._padding -= padded
        self._position += taken + padded
        return view[taken + padded :]

    def _learn(self, content: memoryview) -> None:
        self.content_bytes += len(content)
        if self._hashing:
            self._hash.update(content)

    def _gather(self, view: memoryview) -> memoryview:
        taken = min(len(view), BLOCK - len(self._block))
        self._block += view[:taken]
        self._position += taken
        if len(self._block) == BLOCK:
            block = bytes(self._block)
            self._block.clear()
            self._begin_entry(block)
        return view[taken:]

    def _begin_entry(self, block: bytes) -> None:
        if not block.strip(b"\0"):
            self._zero_blocks += 1
            return
        if self._zero_blocks:
            raise BrokenTar("there is an empty block between entries")
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise BrokenTar(f"not a tar header ({error})") from error
        if header.type in _DESCRIBING:
            self._begin_description(header)
        else:
            self._header = self._described(header)
            self._hash = hashlib.sha256()
            self._expect(self._header.size if _has_content(header) else 0)

    def _begin_description(self, header: tarfile.TarInfo) -> None:
        if header.size > _MAX_DESCRIPTION:
            raise BrokenTar("the description of an entry is too long")
        self._describing, self._description = header.type, bytearray()
        self._expect(header.size)

    def _expect(self, size: int) -> None:
        self._left, self._padding = size, -size % BLOCK

    def _finished(self) -> Entry | None:
        if self._describing is not None:
            self._keep_description(self._describing, bytes(self._description))
            self._describing = None
            return None
        if self._header is None:
            return None
        entry = _entry(self._header, self._hash.hexdigest(), self._pax, self._begin)
        self._header, self._pax, self._begin = None, {}, self._position
        return entry

    def _keep_description(self, kind: bytes, text: bytes) -> None:
        if kind == tarfile.XHDTYPE:
            self._pax.update(_pax_records(text))
        elif kind in (_LONG_NAME, _LONG_LINK):
            name = text.rstrip(b"\0").decode("utf-8", "surrogateescape")
            self._pax["path" if kind == _LONG_NAME else "linkpath"] = name

    def _described(self, header: tarfile.TarInfo) -> tarfile.TarInfo:
        pax = self._pax
        try:
            header.size = int(pax.get("size", header.size))
            header.uid, header.gid = int(pax.get("uid", header.uid)), int(pax.get("gid", header.gid))
            header.mtime = int(float(pax.get("mtime", header.mtime)))
        except ValueError as error:
            raise BrokenTar(f"a PAX record is not a number ({error})") from error
        header.name, header.linkname = pax.get("path", header.name), pax.get("linkpath", header.linkname)
        return header


def _has_content(header: tarfile.TarInfo) -> bool:
    """Only the headers of files have content after them, whatever size another header states."""
    return _TYPES.get(header.type, "file") == "file"


def _entry(header: tarfile.TarInfo, sha256: str, pax: Mapping[str, str], begin: int) -> Entry:
    kind = _TYPES.get(header.type)
    if kind is None:
        raise BrokenTar(f"an entry has the unknown type {header.type!r}")
    device = f"{header.devmajor}:{header.devminor}" if kind.endswith("-device") else ""
    return Entry(
        path=header.name.rstrip("/"),
        type=kind,
        size=header.size if kind == "file" else 0,
        mode=header.mode & 0o7777,
        uid=header.uid,
        gid=header.gid,
        mtime=int(header.mtime),
        link=header.linkname if kind in ("hardlink", "symlink") else "",
        sha256=sha256 if kind == "file" else "",
        xattrs=_xattrs(pax),
        device=device,
        offset=begin,
    )


def _xattrs(pax: Mapping[str, str]) -> str:
    kept = sorted((name, value) for name, value in pax.items() if name.startswith(_XATTR))
    text = "".join(f"{name}={len(value)}:{value}" for name, value in kept)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest() if kept else ""


def _pax_records(text: bytes) -> Iterator[tuple[str, str]]:
    """Parses records of the form `LENGTH key=value\\n`. The length is in bytes and includes itself."""
    while text:
        length_text, space, _ = text.partition(b" ")
        if not space or not length_text.isdigit() or not len(length_text) + 1 < int(length_text) <= len(text):
            raise BrokenTar("a PAX record has no length")
        length = int(length_text)
        key, _, value = text[len(length_text) + 1 : length - 1].partition(b"=")
        yield key.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")
        text = text[length:]

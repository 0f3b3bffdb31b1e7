"""Compares the scanner with Python's tarfile module on the same archives."""

import hashlib
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockrev.backups.tar_scanner import BLOCK, END, BrokenTar, Entry, TarScanner


def scan(archive: bytes, size: int = 1 << 20) -> list[Entry]:
    scanner = TarScanner()
    pieces = (archive[at : at + size] for at in range(0, len(archive), size))
    entries = [entry for piece in pieces for entry in scanner.feed(piece)]
    scanner.close()
    return entries


def packed(*members: tuple[tarfile.TarInfo, bytes], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format, errors="surrogateescape") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, **facts: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for fact, value in facts.items():
        setattr(info, fact, value)
    return info


EVERYTHING = packed(
    (member("d", tarfile.DIRTYPE, mode=0o3777), b""),
    (member("d/file", mode=0o4755, uid=70000, gid=3_000_000, mtime=1_600_000_000), b"content"),
    (member("d/" + "n" * 250), b"x" * BLOCK),
    (member("d/latin-\udcfc"), b"not utf-8"),
    (member("d/\u00fc\u20ac"), b""),
    (member("d/link", tarfile.SYMTYPE, linkname="l" * 200), b""),
    (member("d/hard", tarfile.LNKTYPE, linkname="d/file"), b""),
    (member("d/fifo", tarfile.FIFOTYPE), b""),
    (member("d/null", tarfile.CHRTYPE, devmajor=1, devminor=3), b""),
    (member("d/attributed", pax_headers={"SCHILY.xattr.security.capability": "\x01"}), b"a"),
)


@pytest.mark.parametrize("size", [1, 7, 511, 512, 513, 1 << 20])
def test_chunks_of_any_size_give_the_same_entries(size: int) -> None:
    assert scan(EVERYTHING, size) == scan(EVERYTHING)


@pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_very_long_and_unusual_names_are_read(tar_format: int) -> None:
    names = ["n" * 300, "latin-\udcff", "\u00fc" * 90, "new\nline"]
    archive = packed(
        *((member(name), name.encode("utf-8", "replace")) for name in names), tar_format=tar_format
    )
    assert [entry.path for entry in scan(archive)] == names


def test_an_entry_has_everything_that_a_restore_has_to_bring_back() -> None:
    entries = {entry.path: entry for entry in scan(EVERYTHING)}
    file = entries["d/file"]
    assert (file.mode, file.uid, file.gid, file.mtime, file.size) == (
        0o4755,
        70000,
        3_000_000,
        1_600_000_000,
        7,
    )
    assert file.sha256 == hashlib.sha256(b"content").hexdigest()
    assert entries["d"].mode == 0o3777
    assert entries["d/link"].link == "l" * 200
    assert (entries["d/hard"].type, entries["d/hard"].link) == ("hardlink", "d/file")
    assert (entries["d/null"].type, entries["d/null"].device) == ("character-device", "1:3")
    assert entries["d/attributed"].xattrs
    assert not entries["d/file"].xattrs


def test_the_bytes_at_the_offset_are_the_entry() -> None:
    for entry in scan(EVERYTHING)[1:]:
        assert scan(EVERYTHING[entry.offset :])[0].path == entry.path


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=150),
            st.binary(max_size=1500),
        ),
        max_size=5,
    ),
    st.integers(1, 1200),
)
def test_the_scanner_reads_the_same_entries_as_python(files: list[tuple[str, bytes]], size: int) -> None:
    archive = packed(*((member(f"d/{name}"), content) for name, content in files))
    with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape") as opened:
        expected = [(info.name, info.size) for info in opened]
    assert [(entry.path, entry.size) for entry in scan(archive, size)] == expected


@pytest.mark.parametrize("missing", [1, BLOCK, 2 * BLOCK, 3 * BLOCK, 4000])
def test_a_truncated_archive_is_detected(missing: int) -> None:
    archive = packed((member("a"), b"x" * 5000)).rstrip(b"\0")
    whole = archive + bytes(-len(archive) % BLOCK) + END
    assert scan(whole)
    with pytest.raises(BrokenTar):
        scan(whole[:-missing])


@pytest.mark.parametrize(
    "damaged",
    [
        b"no tar at all".ljust(BLOCK, b"!"),
        EVERYTHING[:100] + b"\x7f" + EVERYTHING[101:],
        packed((member("x", b"Z"), b"")),
        bytes(BLOCK) + EVERYTHING,
    ],
    ids=["text", "changed header", "unknown type", "empty block first"],
)
def test_a_damaged_stream_is_refused(damaged: bytes) -> None:
    with pytest.raises(BrokenTar):
        scan(damaged)


def test_bytes_after_the_end_are_ignored() -> None:
    scanner = TarScanner()
    assert len(list(scanner.feed(EVERYTHING + b"garbage"))) == len(scan(EVERYTHING))
    scanner.close()


def test_closing_blocks_are_never_certain() -> None:
    scanner = TarScanner()
    archive = packed((member("a"), b"x"))
    for at in range(len(archive)):
        list(scanner.feed(archive[at : at + 1]))
    assert scanner.certain == 2 * BLOCK

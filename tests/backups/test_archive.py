"""The files of a backup: they are written completely or not at all, and every damage is detected."""

import json
import subprocess
from pathlib import Path

import pytest

from dockrev.backups.archive import PIECE, ArchiveWriter, check_archive, manifest_path, read_backup, tree_of
from dockrev.backups.manifest import BackedUpService, Differences, Entries, Head
from dockrev.backups.tar_scanner import END, BrokenTar, Entry
from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.errors import BackupError
from tests.backups.test_tar_scanner import member, packed, scan
from tests.stacks.building import NOON

DATA, UPLOADS = BackupTarget(TargetKind.VOLUME, "data"), BackupTarget(TargetKind.BIND, "/srv/uploads")
HEAD = Head(
    "bkp_1", "job_1", "stk_1", "blog", NOON, (BackedUpService("svc_1", "web", ("sha256:1",), ("sha256:2",)),)
)


def stream(label: str, root: str, *names: str) -> bytes:
    """The tar stream in which an engine sends the folder of the target."""
    folders = [(member(name, b"5", mode=0o755), b"") for name in (label, f"{label}/{root}")]
    files = [
        (member(f"{label}/{root}/{name}"), name.encode("utf-8", "surrogateescape") * 3000) for name in names
    ]
    return packed(*folders, *files)


def write(path: Path) -> Path:
    with ArchiveWriter(path, HEAD) as archive:
        for target, label, root in (
            (DATA, "0-volume-data", "_data"),
            (UPLOADS, "1-path-srv-uploads", "uploads"),
        ):
            writer = archive.begin(target, label, root, ("/data",))
            whole = stream(label, root, "a", "latin-\udcff", "z")
            for at in range(0, len(whole), 700):
                writer.write(whole[at : at + 700])
            writer.end()
        archive.finish()
    return path


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return write(tmp_path / "x.tar.zst")


def check(path: Path) -> None:
    for _ in check_archive(path):
        pass


def test_an_undamaged_backup_passes_the_check(backup: Path) -> None:
    check(backup)
    manifest = read_backup(backup)
    assert manifest.head == HEAD
    assert [(one.target, one.entries, one.size_bytes) for one in manifest.targets] == [
        (DATA, 4, 3000 * (1 + 7 + 1)),
        (UPLOADS, 4, 3000 * (1 + 7 + 1)),
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_the_tree_of_a_target_is_identical_to_its_input(backup: Path, number: int) -> None:
    one = read_backup(backup).targets[number]
    entries = scan(b"".join(tree_of(backup, one)) + END)
    assert [entry.path for entry in entries] == [
        one.path,
        *(f"{one.path}/{name}" for name in ("a", "latin-\udcff", "z")),
    ]
    archived = Entries(manifest_path(backup)).of(one.target)
    assert not Differences.between(
        {entry.path: entry for entry in entries},
        {path: e for path, e in archived.items() if path != one.label},
    )


def test_the_archive_can_be_unpacked_with_tar(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "--zstd", "-xf", backup, "-C", tmp_path / "out"], check=True)
    assert (tmp_path / "out" / "0-volume-data" / "_data" / "a").read_bytes() == b"a" * 3000


def test_only_the_owner_can_read_both_files(backup: Path) -> None:
    assert {path.name: path.stat().st_mode & 0o777 for path in backup.parent.iterdir()} == {
        "x.tar.zst": 0o600,
        "x.manifest.jsonl": 0o600,
    }


def begin(path: Path, tar: bytes) -> None:
    with ArchiveWriter(path, HEAD) as archive:
        target = archive.begin(DATA, "0", "_data", ())
        target.write(tar)
        target.end()


def test_an_unfinished_backup_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(BrokenTar, match="too early"):
        begin(tmp_path / "x.tar.zst", stream("0", "_data", "a")[:2000])
    begin(tmp_path / "y.tar.zst", stream("0", "_data", "a"))
    assert list(tmp_path.iterdir()) == []


def test_a_stream_without_the_target_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenTar, match="volume data does not exist any more"):
        begin(tmp_path / "x.tar.zst", packed((member("0", b"5"), b"")))


def test_highly_compressed_data_is_unpacked_in_small_pieces(tmp_path: Path) -> None:
    """A sparse file of many gigabytes takes a few bytes in the archive."""
    path = tmp_path / "x.tar.zst"
    with ArchiveWriter(path, HEAD) as archive:
        target = archive.begin(DATA, "0", "_data", ())
        target.write(packed((member("0", b"5"), b""), (member("0/_data"), bytes(64 * PIECE))))
        target.end()
        archive.finish()
    assert path.stat().st_size < PIECE
    (one,) = read_backup(path).targets
    assert max(len(piece) for piece in tree_of(path, one)) <= PIECE
    check(path)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_one_changed_byte_is_detected(backup: Path, at: float) -> None:
    content = bytearray(backup.read_bytes())
    content[int(len(content) * at)] ^= 1
    backup.write_bytes(content)
    with pytest.raises(BackupError, match=f"the archive {backup} "):
        check(backup)


@pytest.mark.parametrize("left", [0, 1, 100, -1, -20])
def test_a_truncated_archive_is_detected(backup: Path, left: int) -> None:
    backup.write_bytes(backup.read_bytes()[:left])
    with pytest.raises(BackupError):
        check(backup)


def test_an_undamaged_archive_with_other_content_is_detected(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "x.tar.zst"
    with ArchiveWriter(other, HEAD) as archive:
        writer = archive.begin(DATA, "0-volume-data", "_data", ())
        writer.write(stream("0-volume-data", "_data", "a", "b"))
        writer.end()
        archive.finish()
    other.replace(backup)
    with pytest.raises(
        BackupError, match="has an entry that its manifest does not have: 0-volume-data/_data/b"
    ):
        check(backup)


def edited(backup: Path, number: int, **facts: object) -> None:
    lines = manifest_path(backup).read_text().splitlines()
    document = json.loads(lines[number])
    document["entry"] |= facts
    lines[number] = json.dumps(document)
    manifest_path(backup).write_text("\n".join(lines) + "\n")


def test_a_manifest_that_differs_from_the_archive_is_detected(backup: Path) -> None:
    edited(backup, 3, mode=0o777)
    with pytest.raises(BackupError, match="0-volume-data/_data/a differs in mode"):
        check(backup)


@pytest.mark.parametrize("lines", [0, 1, 5, -1])
def test_a_truncated_manifest_is_detected(backup: Path, lines: int) -> None:
    kept = manifest_path(backup).read_text().splitlines(keepends=True)[:lines]
    manifest_path(backup).write_text("".join(kept))
    with pytest.raises(BackupError, match="is truncated"):
        read_backup(backup)


def test_a_damaged_or_missing_manifest_is_an_error(backup: Path) -> None:
    manifest_path(backup).write_text('{"format": 1,')
    with pytest.raises(BackupError, match="is damaged"):
        read_backup(backup)
    manifest_path(backup).unlink()
    with pytest.raises(BackupError, match="cannot be read \\(No such file"):
        read_backup(backup)


def test_a_format_of_a_newer_release_is_refused(backup: Path) -> None:
    text = manifest_path(backup).read_text()
    manifest_path(backup).write_text(text.replace('"format":1', '"format":2', 1))
    with pytest.raises(BackupError, match="has format 2; this release reads 1"):
        read_backup(backup)


def entry(path: str, mode: int = 0o644) -> Entry:
    return Entry(path=path, type="file", size=0, mode=mode, uid=0, gid=0, mtime=0)


def test_differences_are_listed_and_the_rest_is_counted() -> None:
    archived = {name: entry(name) for name in "abcdef"}
    assert not Differences.between(archived, dict(archived))
    current = {"a": entry("a", 0o600), "z": entry("z")}
    assert Differences.between(archived, current).lines(3) == (
        "b is missing",
        "c is missing",
        "d is missing",
        "and 4 more",
    )
    assert Differences.between(current, {**current, "a": entry("a")}).lines() == ("a differs in mode",)

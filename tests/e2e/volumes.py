"""Small file systems that tests fill or make read-only."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FILLER = "filler"


class NoMounts(Exception):
    """This machine does not allow mounts. The message is that of `mount`."""


@dataclass(frozen=True, slots=True)
class Volume:
    directory: Path

    @classmethod
    @contextmanager
    def mounted(cls, directory: Path, megabytes: int = 8) -> Iterator["Volume"]:
        directory.mkdir(parents=True)
        options = f"size={megabytes}m,mode=755"
        mounted = _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory))
        if mounted.returncode:
            raise NoMounts(mounted.stderr.strip())
        try:
            yield cls(directory)
        finally:
            _run("umount", "--lazy", str(directory))

    def fill(self) -> None:
        """Fills the volume to the last byte."""
        with (self.directory / FILLER).open("ab", buffering=0) as filler:
            for size in (65536, 1):
                try:
                    while filler.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def empty(self) -> None:
        (self.directory / FILLER).unlink()

    def make_read_only(self) -> None:
        """Fails while a file is open for writing."""
        remounted = _run("mount", "-o", "remount,ro", str(self.directory))
        assert remounted.returncode == 0, remounted.stderr


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)

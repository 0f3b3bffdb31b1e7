"""Removes the bridges, cgroups and files of a testbed whose processes have ended."""

import fcntl
import hashlib
import os
import shutil
import time
from pathlib import Path

from tests.testbed.bridges import Bridge

ALIVE = "alive.lock"
"""A file in each testbed's directory. The keeper holds a lock on it as long as it runs."""

BRIDGE = "bridge"
"""A file in each engine's directory that records its networks."""

_CGROUPS = Path("/sys/fs/cgroup")
_PATIENCE_SECONDS = 10


def cgroup_parent(directory: Path) -> str:
    """A name that covers the whole path, because other roots may have a testbed of the same name."""
    return f"dockrev-testbed-{hashlib.sha256(bytes(directory)).hexdigest()[:12]}"


def sweep_stale(root: Path) -> None:
    """Cleans up every testbed below `root` whose keeper was killed before it could do so."""
    for alive in root.glob(f"*/{ALIVE}"):
        with alive.open("r+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            sweep(alive.parent)


def sweep(directory: Path) -> None:
    """Cleans up a testbed. Its processes must have been killed; their mounts end with their namespace."""
    for record in directory.glob(f"*/{BRIDGE}"):
        sweep_engine(record.parent)
    _remove_cgroups(directory)
    _remove_tree(directory)


def sweep_engine(directory: Path) -> None:
    Bridge.recorded(directory / BRIDGE).remove_all()
    _remove_tree(directory)


def _remove_tree(directory: Path) -> None:
    """Tries repeatedly, because dying processes may still write."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while directory.exists():
        shutil.rmtree(directory, ignore_errors=time.monotonic() < deadline)
        time.sleep(0.01)


def _remove_cgroups(directory: Path) -> None:
    """cgroups version 1 has one tree for each controller, version 2 a single tree."""
    name = cgroup_parent(directory)
    for group in (*_CGROUPS.glob(name), *_CGROUPS.glob(f"*/{name}")):
        for path, _, _ in os.walk(group, topdown=False):
            _remove_cgroup(Path(path))


def _remove_cgroup(group: Path) -> None:
    """Tries repeatedly, because a cgroup stays busy until the kernel has removed its last process."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return

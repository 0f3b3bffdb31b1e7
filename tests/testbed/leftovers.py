"""Removes what a testbed leaves on the machine once its processes are gone: bridges, cgroups, files."""

import fcntl
import hashlib
import os
import shutil
import time
from pathlib import Path

from tests.testbed.bridges import Bridge

ALIVE = "alive.lock"
"""In each testbed's directory; its keeper holds the lock for as long as it lives."""

BRIDGE = "bridge"
"""In each engine's directory: the record of its networks."""

_CGROUPS = Path("/sys/fs/cgroup")
_PATIENCE_SECONDS = 10


def cgroup_parent(directory: Path) -> str:
    """Other roots may have a testbed of the same name."""
    return f"dockrev-testbed-{hashlib.sha256(bytes(directory)).hexdigest()[:12]}"


def sweep_stale(root: Path) -> None:
    """Clears every testbed below `root` whose keeper died before it could do so itself."""
    for alive in root.glob(f"*/{ALIVE}"):
        with alive.open("r+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            sweep(alive.parent)


def sweep(directory: Path) -> None:
    """The processes of the testbed must be dead, or dying: their mounts go with their namespace."""
    for record in directory.glob(f"*/{BRIDGE}"):
        sweep_engine(record.parent)
    _remove_cgroups(directory)
    _remove_tree(directory)


def sweep_engine(directory: Path) -> None:
    Bridge.recorded(directory / BRIDGE).remove_all()
    _remove_tree(directory)


def _remove_tree(directory: Path) -> None:
    """Those who die may still write."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while directory.exists():
        shutil.rmtree(directory, ignore_errors=time.monotonic() < deadline)
        time.sleep(0.01)


def _remove_cgroups(directory: Path) -> None:
    """Version 1 has one tree for each controller, version 2 a single one."""
    name = cgroup_parent(directory)
    for group in (*_CGROUPS.glob(name), *_CGROUPS.glob(f"*/{name}")):
        for path, _, _ in os.walk(group, topdown=False):
            _remove_cgroup(Path(path))


def _remove_cgroup(group: Path) -> None:
    """A cgroup stays busy until the kernel has buried its last process."""
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

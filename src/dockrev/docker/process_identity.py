"""Finds out from the kernel's files in which container this process runs. No I/O.

The host name proves nothing: anyone can set it to the id of another container.
"""

import re
from dataclasses import dataclass

_CGROUP_ID = re.compile(r"[/-]([0-9a-f]{64})(?:\.scope)?(?=/|$)")
"""`/docker/ID`, `/system.slice/docker-ID.scope`, `/machine.slice/libpod-ID.scope/container`"""

_OWN_FILES = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
_OWN_FILE = re.compile(r"/(?:overlay-)?containers/([0-9a-f]{64})/(?:userdata/)?[^/]+$")
"""`/var/lib/docker/containers/ID/hostname`, `/containers/storage/overlay-containers/ID/userdata/hostname`"""


@dataclass(frozen=True, slots=True)
class Traces:
    """The text of `/proc/self/cgroup` and `/proc/self/mountinfo` (proc(5), cgroups(7))."""

    cgroup: str
    mountinfo: str

    @property
    def container_id(self) -> str | None:
        """The id of the innermost container. None when the container has its own cgroup namespace."""
        ids = {found[-1] for line in self.cgroup.splitlines() if (found := _CGROUP_ID.findall(line))}
        return ids.pop() if len(ids) == 1 else None

    @property
    def network_id(self) -> str | None:
        """The id of the container that owns the network of this process: its own or another one."""
        mounts = (line.split(" ") for line in self.mountinfo.splitlines())
        roots = [fields[3] for fields in mounts if len(fields) > 4 and fields[4] in _OWN_FILES]
        ids = {match[1] for root in roots if (match := _OWN_FILE.search(root))}
        return ids.pop() if len(ids) == 1 else None

    @property
    def writable_layer(self) -> str | None:
        """The directory on the engine's host where the files go that this process writes under `/`."""
        for line in self.mountinfo.splitlines():
            mount, _, source = line.partition(" - ")
            fields = mount.split(" ")
            if len(fields) > 4 and fields[4] == "/" and source.startswith("overlay "):
                match = re.search(r"(?:^|[ ,])upperdir=([^ ,]+)", source)
                return match[1] if match else None
        return None

"""What the kernel tells a process about the container that it runs in. No I/O.

The host's name is no trace: anybody can give a host, or a container, the name of another one's id.
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
    """`/proc/self/cgroup` and `/proc/self/mountinfo` (proc(5), cgroups(7))."""

    cgroup: str
    mountinfo: str

    @property
    def container_id(self) -> str | None:
        """Of the innermost container, from its cgroup; with a cgroup namespace of its own it is not told."""
        found = [ids[-1] for line in self.cgroup.splitlines() if (ids := _CGROUP_ID.findall(line))]
        return found[0] if len(set(found)) == 1 else None

    @property
    def network_id(self) -> str | None:
        """Of the container whose names and addresses this process has: its own, or one that lends them."""
        mounts = (line.split(" ") for line in self.mountinfo.splitlines())
        roots = [fields[3] for fields in mounts if len(fields) > 4 and fields[4] in _OWN_FILES]
        found = {match[1] for root in roots if (match := _OWN_FILE.search(root))}
        return found.pop() if len(found) == 1 else None

    @property
    def writable_layer(self) -> str | None:
        """The directory on the engine's host that takes what this process writes to its root directory."""
        for line in self.mountinfo.splitlines():
            mount, _, source = line.partition(" - ")
            fields = mount.split(" ")
            if len(fields) > 4 and fields[4] == "/" and source.startswith("overlay "):
                found = re.search(r"(?:^|[ ,])upperdir=([^ ,]+)", source)
                return found[1] if found else None
        return None

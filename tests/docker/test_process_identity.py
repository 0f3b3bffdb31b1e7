"""Finds the own container in texts of /proc/self from processes inside and outside of containers."""

import pytest

from dockrev.docker.process_identity import Traces

ID, OTHER = "3f4e" * 16, "a01b" * 16
LAYER = "/var/lib/docker/overlay2/5c0f/diff"

HOST_MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
25 22 0:23 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw
31 22 8:2 / /var/lib/docker rw,relatime shared:9 - ext4 /dev/sda2 rw
412 31 0:52 / /var/lib/docker/overlay2/77aa/merged rw - overlay overlay rw,lowerdir=l,upperdir=/x/diff
"""
ROOT = (
    f"1110 805 0:62 / / rw - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir={LAYER},workdir=/w,nouserxattr\n"
)
DOCKER_MOUNTS = ROOT + "".join(
    f"11{number} 1110 8:1 /var/lib/docker/containers/{ID}/{name} /etc/{name} rw - ext4 /dev/sda1 rw\n"
    for number, name in enumerate(("resolv.conf", "hostname", "hosts"))
)
SEPARATE_DISK = f"9 8 8:2 /containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda2 rw\n"
PODMAN_MOUNTS = f"""\
900 800 0:50 / / rw - overlay overlay rw,lowerdir=/l/A,upperdir=/home/me/overlay/9/diff,workdir=/w
901 900 0:45 /containers/overlay-containers/{ID}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw,size=9k
902 900 0:45 /containers/overlay-containers/{ID}/userdata/resolv.conf /etc/resolv.conf rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        ("", None),
        ("0::/\n", None),
        ("0::/init.scope\n", None),
        ("0::/system.slice/docker.service\n", None),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
        (f"12:pids:/docker/{ID}\n11:memory:/docker/{ID}\n0::/docker/{ID}\n", ID),
        (f"12:pids:/\n1:name=systemd:/docker/{ID}\n0::/system.slice/containerd.service\n", ID),
        (f"0::/system.slice/docker-{ID}.scope\n", ID),
        (f"0::/docker/{OTHER}/docker/{ID}\n", ID),
        (f"0::/docker/{OTHER}/system.slice/docker-{ID}.scope/init\n", ID),
        (f"0::/machine.slice/libpod-{ID}.scope/container\n", ID),
        (f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope\n", ID),
        (f"2:cpu:/docker/{ID}\n1:pids:/docker/{OTHER}\n", None),
        (f"0::/docker/{ID[:12]}\n", None),
    ],
    ids=[
        "no such file",
        "cgroup v2 with a namespace of its own",
        "host: init",
        "host: the engine itself",
        "host: a shell",
        "cgroup v1",
        "cgroup v1, some only",
        "cgroup v2, systemd",
        "an engine in a container",
        "an engine in a container, systemd",
        "podman",
        "podman without root",
        "two at once",
        "a short id",
    ],
)
def test_the_cgroup_names_the_innermost_container(cgroup: str, expected: str | None) -> None:
    assert Traces(cgroup, "").container_id == expected


@pytest.mark.parametrize(
    ("mountinfo", "expected"),
    [
        ("", None),
        (HOST_MOUNTS, None),
        (DOCKER_MOUNTS, ID),
        (SEPARATE_DISK, ID),
        (PODMAN_MOUNTS, ID),
        (f"9 8 8:1 /lib/docker/containers/{ID}/mounts/shm /dev/shm rw - tmpfs shm rw\n", None),
        (f"9 8 8:1 /srv/backup/containers/{ID}/hostname /srv/copy rw - ext4 /dev/sda1 rw\n", None),
        ("9 8 8:1 /srv/containers/web/hosts /etc/hosts ro - ext4 /dev/sda1 rw\n", None),
        (SEPARATE_DISK + SEPARATE_DISK.replace(ID, OTHER), None),
        ("not a line of it\n\n", None),
    ],
    ids=[
        "no such file",
        "host",
        "docker",
        "a disk for docker",
        "podman",
        "not the names",
        "another place",
        "a file of the user's",
        "two",
        "nonsense",
    ],
)
def test_the_mounts_name_the_container_that_owns_the_network(mountinfo: str, expected: str | None) -> None:
    assert Traces("0::/\n", mountinfo).network_id == expected


@pytest.mark.parametrize(
    ("mountinfo", "expected"),
    [
        (HOST_MOUNTS, None),
        (DOCKER_MOUNTS, LAYER),
        (PODMAN_MOUNTS, "/home/me/overlay/9/diff"),
        ("1 0 0:9 / / ro - overlay overlay ro,lowerdir=/a:/b\n", None),
    ],
)
def test_the_root_mount_names_the_writable_layer(mountinfo: str, expected: str | None) -> None:
    assert Traces("", mountinfo).writable_layer == expected

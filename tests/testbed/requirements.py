"""What a machine must have before the testbed can run, said so that a person can act on it."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
COMPOSE_V2 = Path(sysconfig.get_path("purelib")) / "compose" / "docker-compose"
"""The program itself: the script of that name beside python, which calls it, always exits with 0."""
COMPOSE_V1 = Path("/usr/bin/docker-compose")

PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
"""Users' paths often leave out sbin, where dockerd and iptables are."""

_PACKAGES = {
    "dockerd": "docker.io",
    "docker-init": "docker.io",
    "docker-registry": "docker-registry",
    "iptables": "iptables",
    "openssl": "openssl",
    "unshare": "util-linux",
    "setpriv": "util-linux",
}


class NoTestbed(Exception):
    """This machine cannot run the testbed; the message says why and what would help."""


def require(path: str = PATH) -> None:
    """Raises NoTestbed naming everything that is missing; programs are looked for in `path`."""
    missing = [reason for reason in (*_commands(path), _busybox(), _compose_v2(), _privileges()) if reason]
    if missing:
        raise NoTestbed("; ".join(missing))


def _commands(path: str) -> list[str]:
    return [
        f"{command} is missing (scripts/setup, or: apt-get install {package})"
        for command, package in _PACKAGES.items()
        if shutil.which(command, path=path) is None
    ]


def _busybox() -> str | None:
    """A dynamic busybox could not start in an image that holds nothing else."""
    if BUSYBOX.exists() and subprocess.run(["ldd", BUSYBOX], capture_output=True, check=False).returncode:
        return None
    return f"{BUSYBOX} is missing or not static (scripts/setup, or: apt-get install busybox-static)"


def _compose_v2() -> str | None:
    return None if COMPOSE_V2.exists() else f"{COMPOSE_V2} is missing (uv sync)"


def _privileges() -> str | None:
    if os.geteuid() != 0:
        return "a private Docker engine needs root"
    probe = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"this machine refuses new namespaces ({probe.stderr.strip()})" if probe.returncode else None

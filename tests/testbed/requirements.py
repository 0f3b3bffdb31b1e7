"""Checks whether this machine can run the testbed, and says what to install."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
COMPOSE_V2 = Path(sysconfig.get_path("purelib")) / "compose" / "docker-compose"
"""The program itself. The script of the same name beside python calls it, but always exits with 0."""
COMPOSE_V1 = Path("/usr/bin/docker-compose")

PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
"""PATH with the sbin directories. They have dockerd and iptables, and a user's PATH often lacks them."""

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
    """This machine cannot run the testbed. The message says why and what to do."""


def require(path: str = PATH) -> None:
    """Raises NoTestbed with a list of everything that is missing. Looks for programs in `path`."""
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
    """busybox has to be static, because it could not load libraries in an image that has none."""
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

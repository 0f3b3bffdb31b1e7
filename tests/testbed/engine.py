"""A private Docker engine with its own namespaces, directories, bridge and socket."""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.bridges import NETWORK_BITS, Bridge
from tests.testbed.engine_api import EngineApi, EngineRefused
from tests.testbed.images import Image
from tests.testbed.keeper import Keeper
from tests.testbed.leftovers import BRIDGE, cgroup_parent, sweep_engine
from tests.testbed.requirements import NoTestbed

_READY_SECONDS = 60
_SHUTDOWN_SECONDS = 20

_IN_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-e", "-c")
"""Killing the first process in these namespaces kills every container and removes every mount."""

_HIDE_THE_HOST = """
mount -t tmpfs tmpfs /run
mkdir -p /etc/docker
mount --bind "$2" /etc/docker
exec docker-init -- dockerd --config-file "$1"
"""
"""Hides the host's own engine: its containerd, plug-ins and keys."""


class EngineFailed(NoTestbed):
    """The engine did not start. The message ends with its last output."""


@dataclass(frozen=True, slots=True)
class RunningContainer:
    """What the engine reports about a container. It is read without the code under test."""

    container_id: str
    name: str
    service: str
    state: str
    status: str
    image: str
    image_id: str
    labels: Mapping[str, str]


class Engine:
    """`api` sends any request to the engine. `host` is the value for DOCKER_HOST."""

    def __init__(self, keeper: Keeper, name: str = "engine") -> None:
        self._keeper = keeper
        self._name = name
        self._directory = keeper.directory / name
        self._identity = self._directory / "etc"
        self.socket = keeper.directory / f"{name}.sock"
        self.host = f"unix://{self.socket}"
        self.api = EngineApi(self.socket)

    def start(self) -> None:
        """Starts the engine unless it runs, and waits until it answers. Raises EngineFailed."""
        with self._keeper.alone():
            if not self.running:
                self._launch()

    def stop(self) -> None:
        """Shuts the engine and its containers down."""
        self._keeper.stop(self._name, patience_seconds=_SHUTDOWN_SECONDS)

    def kill(self) -> None:
        """Kills the engine and its containers at once, like a power cut."""
        self._keeper.stop(self._name, patience_seconds=0)

    def discard(self) -> None:
        """Kills the engine and removes everything that belongs to it."""
        self.kill()
        sweep_engine(self._directory)

    def restart(self) -> None:
        self.stop()
        self.start()

    @property
    def running(self) -> bool:
        return self._keeper.running(self._name)

    def load(self, image: Image, name: str) -> str:
        """Loads the image into the engine under `name`, without a registry. Returns its id."""
        self.api.call(
            "POST",
            "/images/load",
            {"quiet": True},
            image.archive(name),
            {"Content-Type": "application/x-tar"},
        )
        return image.image_id

    def containers(self, project: str, service: str | None = None) -> list[RunningContainer]:
        """All containers of a Compose project, sorted by name, including stopped and one-off ones."""
        labels = [f"com.docker.compose.project={project}"]
        if service:
            labels.append(f"com.docker.compose.service={service}")
        found = self.api.get("/containers/json", {"all": True, "filters": {"label": labels}})
        return sorted(map(_container, found), key=lambda container: container.name)

    def remove_project(self, project: str) -> None:
        """Removes everything that Compose created for the project, without reading its files."""
        belonging = {"filters": {"label": [f"com.docker.compose.project={project}"]}}
        for container in self.api.get("/containers/json", {"all": True, **belonging}):
            self._delete(f"/containers/{container['Id']}", {"force": True, "v": True})
        for network in self.api.get("/networks", belonging):
            self._delete(f"/networks/{network['Id']}", {})
        for volume in self.api.get("/volumes", belonging)["Volumes"] or []:
            self._delete(f"/volumes/{volume['Name']}", {"force": True})

    def _delete(self, path: str, query: Mapping[str, object]) -> None:
        try:
            self.api.call("DELETE", path, query)
        except EngineRefused as refusal:
            if refusal.status not in (404, 409):  # already removed, or being removed
                raise

    def _launch(self) -> None:
        config, log = self._configure(), self._keeper.directory / f"{self._name}.log"
        arguments = ("sh", str(config), str(self._identity))
        self._keeper.start(self._name, (*_IN_NAMESPACES, _HIDE_THE_HOST, *arguments), log)
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise EngineFailed(_last_words(log))
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return self.api.call("GET", "/_ping") == b"OK"
        except (OSError, EngineRefused):
            return False

    def _configure(self) -> Path:
        """Writes the configuration and clears the engine's /run, which would not survive a reboot either."""
        self._identity.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._directory / "exec", ignore_errors=True)
        (self._directory / "pid").unlink(missing_ok=True)
        config = self._directory / "daemon.json"
        if not config.exists():
            config.write_text(json.dumps(self._settings(Bridge.claim(self._directory / BRIDGE))))
        return config

    def _settings(self, bridge: Bridge) -> Mapping[str, Any]:
        """The configuration. It needs `live-restore`.

        Without it, an engine with address pools deletes docker0 at its second start, even the docker0 of
        another engine (moby, daemon_unix.go, removeDefaultBridgeInterface).
        """
        return {
            "hosts": [self.host],
            "data-root": str(self._directory / "data"),
            "exec-root": str(self._directory / "exec"),
            "pidfile": str(self._directory / "pid"),
            "bridge": bridge.interface,
            "iptables": False,
            "ip-forward": False,
            "ip-masq": False,
            "default-address-pools": [{"base": str(bridge.subnet), "size": NETWORK_BITS}],
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": f"/{cgroup_parent(self._keeper.directory)}",
            "live-restore": True,
            "log-level": "warn",
        }


def _container(entry: Mapping[str, Any]) -> RunningContainer:
    labels = entry["Labels"]
    return RunningContainer(
        container_id=entry["Id"],
        name=entry["Names"][0].removeprefix("/"),
        service=labels.get("com.docker.compose.service", ""),
        state=entry["State"],
        status=entry["Status"],
        image=entry["Image"],
        image_id=entry["ImageID"],
        labels=labels,
    )


def _last_words(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])

"""Images of a static busybox and a few files. They are written in milliseconds, without an engine."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from tests.testbed.layers import Layer, busybox_layer, pack, tar

HOST_PLATFORM = Platform.of("linux", os.uname().machine)

STAY = ("/bin/sh", "-c", 'trap "exit 0" TERM INT; sleep 2147483647 & wait')
"""A command that runs until it gets a signal, and then stops at once."""

_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """A shell command that the engine runs inside the container."""

    command: str = "true"
    interval_seconds: float = 1
    timeout_seconds: float = 5
    start_period_seconds: float = 0
    retries: int = 1

    def document(self) -> Mapping[str, Any]:
        return {
            "Test": ["CMD-SHELL", self.command],
            "Interval": int(self.interval_seconds * _NANOSECONDS),
            "Timeout": int(self.timeout_seconds * _NANOSECONDS),
            "StartPeriod": int(self.start_period_seconds * _NANOSECONDS),
            "Retries": self.retries,
        }


@dataclass(frozen=True, slots=True)
class Image:
    """An image for one platform, with the exact bytes that its digests cover."""

    platform: Platform
    config: bytes
    layers: tuple[Layer, ...]

    @property
    def image_id(self) -> Digest:
        """The image id, which does not depend on how the engine got the image."""
        return Digest.of(self.config)

    def archive(self, name: str) -> bytes:
        """The archive that `docker save NAME` would write."""
        config_name = f"{self.image_id.partition(':')[2]}.json"
        layer_names = [f"{layer.diff_id.partition(':')[2]}/layer.tar" for layer in self.layers]
        contents = [{"Config": config_name, "RepoTags": [name], "Layers": layer_names}]
        files = {"manifest.json": json.dumps(contents).encode(), config_name: self.config}
        files.update(zip(layer_names, (layer.compressed for layer in self.layers), strict=True))
        return tar(files)


class Images:
    """Builds images. Equal arguments give equal bytes, and so equal digests."""

    def __init__(self, busybox: Path) -> None:
        self._base = busybox_layer(busybox)

    def build(
        self,
        title: str = "app",
        *,
        version: str | None = None,
        labels: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = STAY,
        healthcheck: Healthcheck | None = None,
        files: Mapping[str, bytes] | None = None,
        volumes: Sequence[str] = (),
        user: str = "",
        platform: Platform = HOST_PLATFORM,
    ) -> Image:
        """`title` and `version` become OCI labels and the file /version. Each version has other content."""
        layers = (self._base, pack({"version": f"{title} {version}\n".encode(), **(files or {})}))
        config = {
            "Cmd": list(command),
            "Env": ["PATH=/bin", *(f"{name}={value}" for name, value in (env or {}).items())],
            "Labels": {**_oci_labels(title, version), **(labels or {})},
            "Volumes": {path: {} for path in volumes},
            "User": user,
            "WorkingDir": "/",
        }
        if healthcheck:
            config["Healthcheck"] = healthcheck.document()
        return Image(platform, _config_document(platform, config, layers), layers)


def _oci_labels(title: str, version: str | None) -> dict[str, str]:
    labels = {"org.opencontainers.image.title": title}
    if version:
        labels["org.opencontainers.image.version"] = version
    return labels


def _config_document(platform: Platform, config: Mapping[str, Any], layers: Sequence[Layer]) -> bytes:
    """The config by the OCI image spec, config.md. `Healthcheck` is an addition of Docker."""
    document = {
        "os": platform.os,
        "architecture": platform.architecture,
        **({"variant": platform.variant} if platform.variant else {}),
        "created": "2024-01-01T00:00:00Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "COPY"} for _ in layers],
    }
    return json.dumps(document, sort_keys=True).encode()

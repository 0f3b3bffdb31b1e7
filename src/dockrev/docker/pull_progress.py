"""Computes the progress of a pull from the engine's messages about its layers. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PullProgress:
    """The numbers never decrease. Layers that the engine already has do not count."""

    bytes_done: int = 0
    """Bytes of compressed layers that the engine has fetched."""
    bytes_total: int = 0
    """The size of all layers whose size is known. The engine sends it when it starts to fetch the layer."""


@dataclass(slots=True)
class _Layer:
    size: int = 0
    fetched: int = 0


class LayerProgress:
    """Takes the messages of a pull in order and ignores unknown ones."""

    def __init__(self) -> None:
        self._layers: dict[str, _Layer] = {}

    def take(self, message: Mapping[str, Any]) -> None:
        """Raises TypeError or ValueError when a known message has an unknown shape."""
        layer_id, status = message.get("id"), message.get("status")
        if not layer_id or status not in _STATUSES:
            return
        layer = self._layers.setdefault(str(layer_id), _Layer())
        detail = message.get("progressDetail") or {}
        if status == "Downloading":
            self._downloading(layer, detail)
            return
        if status == "Extracting" and not detail.get("units"):  # with units, containerd counts seconds
            layer.size = max(layer.size, int(detail.get("total") or 0))
        if status in _FETCHED:
            layer.fetched = layer.size

    def total(self) -> PullProgress:
        layers = self._layers.values()
        return PullProgress(
            bytes_done=sum(layer.fetched for layer in layers),
            bytes_total=sum(layer.size for layer in layers),
        )

    def _downloading(self, layer: _Layer, detail: Mapping[str, Any]) -> None:
        """Keeps the highest numbers: after a broken connection the engine may start the layer again."""
        layer.size = max(layer.size, int(detail.get("total") or 0))
        layer.fetched = max(layer.fetched, min(int(detail.get("current") or 0), layer.size))


_DONE = frozenset({"Pull complete", "Already exists"})
_FETCHED = frozenset({"Verifying Checksum", "Download complete", "Extracting", "Pull complete"})
_STATUSES = frozenset({"Pulling fs layer", "Waiting", "Downloading"}) | _FETCHED | _DONE

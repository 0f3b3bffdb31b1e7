"""The labels that operators set for Dockrev on their services: read here and nowhere else."""

from collections.abc import Mapping

WATCH = "dockrev.watch"

_FALSE = {"0", "false", "no", "n", "off"}


def watched(labels: Mapping[str, str]) -> bool:
    """Whether the service is checked and updated: yes, unless its label plainly says no."""
    return labels.get(WATCH, "").strip().lower() not in _FALSE

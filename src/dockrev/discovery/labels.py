"""The labels that operators set on their services for Dockrev. Only this module reads them."""

from collections.abc import Mapping

WATCH = "dockrev.watch"

_FALSE = {"0", "false", "no", "n", "off"}


def watched(labels: Mapping[str, str]) -> bool:
    """Whether Dockrev checks and updates the service. Only a clear "no" in the label switches it off."""
    return labels.get(WATCH, "").strip().lower() not in _FALSE

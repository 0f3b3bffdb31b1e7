"""Classifies an override file from which only some containers of a project were made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dockrev.compose import raw
from dockrev.compose.models import ProjectFiles
from dockrev.compose.sources import read_sources
from dockrev.errors import ComposeError
from dockrev.projects.variants import ImageOnly, Override, Unreadable, Unsafe


def read_override(path: str) -> Override:
    """Reads the disk, so call it in a thread. It never raises."""
    try:
        (source,) = read_sources(ProjectFiles("", (Path(path),)))
        return classify(raw.load(source))
    except ComposeError as error:
        if error.details.get("reason") == "compose_file_unreadable":
            return Unreadable()
        return Unsafe("not a Compose file")


def classify(document: Mapping[str, Any]) -> ImageOnly | Unsafe:
    """An empty file changes nothing, so it is safe."""
    others = [str(key) for key in document if key != "services"]
    if others:
        return Unsafe(f"it has {others[0][:100]!r} beside services")
    services = document.get("services", {})
    if not isinstance(services, Mapping):
        return Unsafe("services is not a mapping")
    for name, body in services.items():
        if not isinstance(body, Mapping) or set(body) != {"image"}:
            return Unsafe(f"service {str(name)[:100]!r} has more or less than an image")
        if not isinstance(body["image"], str) or not body["image"].strip():
            return Unsafe(f"the image of service {str(name)[:100]!r} is no text")
    return ImageOnly(frozenset(str(name) for name in services))

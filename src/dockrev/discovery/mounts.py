"""Lists the host directories that Dockrev's container must mount to read a project. No I/O."""

from collections.abc import Callable
from pathlib import Path

from dockrev.compose.models import ProjectFiles

_SHOWN = 5


def missing_mounts(files: ProjectFiles, exists: Callable[[Path], bool]) -> tuple[str, ...]:
    """At most five lines for `volumes:` in a Compose file: read-only mounts at the same path."""
    needed = {files.directory, *(path.parent for path in (*files.config_files, *files.env_files))}
    absent = sorted(directory for directory in needed if _mountable(directory) and not exists(directory))
    outermost = [
        directory for directory in absent if not any(parent in absent for parent in directory.parents)
    ]
    return tuple(f"- {directory}:{directory}:ro" for directory in outermost[:_SHOWN])


def _mountable(directory: Path) -> bool:
    """The short syntax of a mount cannot hold a colon, and a label may hold any text."""
    text = str(directory)
    return ":" not in text and text.isprintable() and len(text) < 1024 and ".." not in directory.parts

"""Which directories of the host Dockrev's container has to mount to read a project. No I/O."""

from collections.abc import Callable
from pathlib import Path

from dockrev.compose.models import ProjectFiles

_SHOWN = 5


def missing_mounts(files: ProjectFiles, is_there: Callable[[Path], bool]) -> tuple[str, ...]:
    """Read-only mounts at the same path, as lines for `volumes:` in a Compose file; at most five."""
    needed = {files.directory, *(path.parent for path in (*files.config_files, *files.env_files))}
    absent = sorted(directory for directory in needed if _mountable(directory) and not is_there(directory))
    outermost = [one for one in absent if not any(parent in absent for parent in one.parents)]
    return tuple(f"- {directory}:{directory}:ro" for directory in outermost[:_SHOWN])


def _mountable(directory: Path) -> bool:
    """The short syntax of a mount cannot hold a colon, and a label may hold any text."""
    text = str(directory)
    return ":" not in text and text.isprintable() and len(text) < 1024 and ".." not in directory.parts

"""Which directories of the host a project needs to be seen from inside Dockrev's container. No I/O."""

from collections.abc import Callable
from pathlib import Path

from dockrev.compose.models import ProjectFiles

_SHOWN = 5


def missing_mounts(files: ProjectFiles, is_there: Callable[[Path], bool]) -> tuple[str, ...]:
    """Lines for `volumes:` of a Compose file, at the same absolute path, read-only; the first few if many."""
    needed = {files.directory, *(path.parent for path in (*files.config_files, *files.env_files))}
    absent = sorted(directory for directory in needed if _mountable(directory) and not is_there(directory))
    outermost = [one for one in absent if not any(parent in absent for parent in one.parents)]
    return tuple(f"- {directory}:{directory}:ro" for directory in outermost[:_SHOWN])


def _mountable(directory: Path) -> bool:
    """The short syntax of a mount has no room for colons; a label may hold anything."""
    text = str(directory)
    return ":" not in text and text.isprintable() and len(text) < 1024 and ".." not in directory.parts

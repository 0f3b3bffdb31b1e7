"""Reads the files of a project. Their paths come from labels, so they may name any file, even a device."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from dockrev.compose.models import ProjectFiles
from dockrev.errors import ComposeError

MAX_FILE_LENGTH = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    path: Path
    text: str


def read_sources(files: ProjectFiles) -> tuple[Source, ...]:
    """Raises ComposeError when a Compose file cannot be read or an env file is not a regular file."""
    if not files.config_files:
        raise no_services()
    for path in files.env_files:
        _refuse_devices(path)
    return tuple(Source(path, _read(path)) for path in files.config_files)


def unreadable(path: Path, why: str) -> ComposeError:
    hint = "mount missing? ensure host path is mounted read-only at the same absolute path"
    return _fault("compose_file_unreadable", f"compose_file_unreadable: {path} ({why}) ({hint})")


def invalid(path: Path, why: str) -> ComposeError:
    return _fault("compose_file_invalid", f"compose_file_invalid: {path} ({why})")


def no_services() -> ComposeError:
    return _fault("compose_no_services", "compose_no_services")


def _fault(reason: str, message: str) -> ComposeError:
    return ComposeError(message, {"reason": reason}, permanent=True)


def _read(path: Path) -> str:
    try:
        # Without O_NONBLOCK, opening a FIFO would wait forever for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise unreadable(path, "not a regular file")
            content = file.read(MAX_FILE_LENGTH + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise unreadable(path, _reason(error)) from error
    if len(content) > MAX_FILE_LENGTH:
        raise invalid(path, f"larger than {MAX_FILE_LENGTH} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(path, f"not UTF-8 at byte {error.start}") from error


def _refuse_devices(path: Path) -> None:
    """Compose reads an env file to its end, and `/dev/zero` has none. It reports a missing file itself."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise unreadable(path, _reason(error)) from error
    if not stat.S_ISREG(mode) and path != Path(os.devnull):
        raise unreadable(path, "not a regular file")


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

"""Which files decide what Compose renders, and whether one of them has changed."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dockrev.compose import raw
from dockrev.compose.models import ProjectFiles
from dockrev.compose.sources import Source, read_sources
from dockrev.errors import ComposeError

MAX_INPUTS = 200

Stamps = tuple[tuple[Path, tuple[int, int] | None], ...]
"""Modification time (ns) and size; None for a file that is not there, for it may appear."""


class NotKnowable(Exception):
    """The files refer to what a look at the disk cannot find: a variable path, another host, too much."""


def stamp(paths: Iterable[Path]) -> Stamps:
    return tuple((path, _stat(path)) for path in paths)


def inputs_named_by(files: ProjectFiles) -> tuple[Path, ...]:
    """Without what these refer to."""
    return *files.config_files, *files.env_files, files.directory / ".env"


def inputs_of(files: ProjectFiles, sources: tuple[Source, ...]) -> tuple[Path, ...]:
    """The files of the project and all they refer to, each once. Raises NotKnowable."""
    found = dict.fromkeys(inputs_named_by(files))
    waiting = list(sources)
    while waiting:
        for path in _references(waiting.pop(), files.directory):
            if path in found:
                continue
            found[path] = None
            if len(found) > MAX_INPUTS:
                raise NotKnowable
            if _is_file(path):
                waiting += _source(path)
    return tuple(found)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no permission, or a name that no file system takes
        return False


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


def _source(path: Path) -> tuple[Source, ...]:
    try:
        return read_sources(ProjectFiles("", (path,)))
    except ComposeError as error:
        raise NotKnowable from error


def _references(source: Source, directory: Path) -> Iterator[Path]:
    """Relative paths may start at the file or at the project: both places are watched."""
    if not any(word in source.text for word in ("include", "extends", "label_file", "env_file")):
        return  # parsing YAML is the slow part
    try:
        document = raw.load(source)
    except ComposeError as error:
        raise NotKnowable from error
    for reference in _written_references(document):
        if "$" in reference or ":" in reference:
            raise NotKnowable
        for start in dict.fromkeys((source.path.parent, directory)):
            yield start / reference
            yield (start / reference).parent / ".env"


def _written_references(document: Any) -> Iterator[str]:
    for entry in _list(document.get("include")):
        if not isinstance(entry, dict):
            yield from _texts(entry)
            continue
        for key in ("path", "env_file"):
            yield from _texts(entry.get(key))
        for project in _texts(entry.get("project_directory")):
            yield f"{project}/.env"
    services = document.get("services")
    for service in services.values() if isinstance(services, dict) else ():
        if isinstance(service, dict):
            yield from _texts(service.get("label_file"))
            yield from _env_files(service.get("env_file"))
            extends = service.get("extends")
            yield from _texts(extends.get("file") if isinstance(extends, dict) else None)


def _env_files(written: Any) -> Iterator[str]:
    for entry in _list(written):
        yield from _texts(entry.get("path") if isinstance(entry, dict) else entry)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> list[str]:
    return [text for text in _list(value) if isinstance(text, str)]

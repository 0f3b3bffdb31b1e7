"""Finds the files that Compose reads to render a project, and notices when one of them changes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dockrev.compose import raw
from dockrev.compose.models import ProjectFiles
from dockrev.compose.sources import Source, read_sources
from dockrev.errors import ComposeError

MAX_INPUTS = 200

Stamps = tuple[tuple[Path, tuple[int, int] | None], ...]
"""Modification time (ns) and size of each file; None while the file does not exist."""


class InputsUnknown(Exception):
    """The inputs cannot be listed: a path has a variable, a file is on another host, or they are too many."""


def stamp(paths: Iterable[Path]) -> Stamps:
    return tuple((path, _stat(path)) for path in paths)


def inputs_named_by(files: ProjectFiles) -> tuple[Path, ...]:
    """The files of the project itself, without the files that they refer to."""
    return *files.config_files, *files.env_files, files.directory / ".env"


def inputs_of(files: ProjectFiles, sources: tuple[Source, ...]) -> tuple[Path, ...]:
    """The files of the project and all files that they refer to, each once. Raises InputsUnknown."""
    inputs = dict.fromkeys(inputs_named_by(files))
    waiting = list(sources)
    while waiting:
        for path in _references(waiting.pop(), files.directory):
            if path in inputs:
                continue
            inputs[path] = None
            if len(inputs) > MAX_INPUTS:
                raise InputsUnknown
            if _is_file(path):
                waiting += _source(path)
    return tuple(inputs)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no permission, or an invalid name
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
        raise InputsUnknown from error


def _references(source: Source, directory: Path) -> Iterator[Path]:
    """A relative path may start at the file or at the project directory, so this yields both."""
    if not any(word in source.text for word in ("include", "extends", "label_file", "env_file")):
        return  # parsing YAML is slow
    try:
        document = raw.load(source)
    except ComposeError as error:
        raise InputsUnknown from error
    for reference in _written_references(document):
        if "$" in reference or ":" in reference:
            raise InputsUnknown
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

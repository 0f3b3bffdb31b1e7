"""What the labels of containers say about their Compose project. No I/O."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dockrev.compose.models import ProjectFiles
from dockrev.discovery.models import Unusable
from dockrev.discovery.variants import Variant
from dockrev.docker.snapshot import Container, ContainerState, HostSnapshot, by_service
from dockrev.errors import Json

CONFIG_FILES = "com.docker.compose.project.config_files"
WORKING_DIRECTORY = "com.docker.compose.project.working_dir"
ENV_FILES = "com.docker.compose.project.environment_file"
COMPOSE_VERSION = "com.docker.compose.version"

NAMELESS_SERVICE = "unknown"

_SHOWN_LABEL_LENGTH = 2048
_SEPARATORS = re.compile(r"[,\n\r]")
_UP = frozenset({ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING})


@dataclass(frozen=True, slots=True)
class Project:
    """`containers`: running or not, without one-off ones; at least one."""

    name: str
    containers: tuple[Container, ...]

    @property
    def services(self) -> Mapping[str, tuple[Container, ...]]:
        return by_service(self.containers)


def projects_in(snapshot: HostSnapshot) -> tuple[Project, ...]:
    """By name. A project of which only one-off containers are left is none."""
    lasting = (
        Project(name, tuple(container for container in containers if not container.oneoff))
        for name, containers in snapshot.projects().items()
    )
    return tuple(sorted((one for one in lasting if one.containers), key=lambda project: project.name))


def variants_in(project: Project) -> tuple[Variant, ...] | Unusable:
    """The file lists its containers were made from, each with the services that say so.

    What is up speaks for the project; stopped containers, which may be older, are heard only when nothing is.
    """
    labelled = [container for container in project.containers if CONFIG_FILES in container.labels]
    if not labelled:
        return Unusable(project.name, "config_files_missing")
    reporting: dict[tuple[str, ...], set[str]] = {}
    for container in [one for one in labelled if one.state in _UP] or labelled:
        files = _config_files(container)
        service = container.service or NAMELESS_SERVICE
        if fault := _fault_in(files):
            return Unusable(project.name, fault, details=_invalid_label(container, service))
        reporting.setdefault(files, set()).add(service)
    return tuple(Variant(files, frozenset(services)) for files, services in reporting.items())


def project_files(project: Project, config_files: tuple[str, ...]) -> ProjectFiles:
    """How Compose was last called for this project, as its newest container tells, in absolute paths."""
    newest = sorted(project.containers, key=lambda container: container.created_at, reverse=True)
    directories = _absolute(container.labels.get(WORKING_DIRECTORY, "").strip() for container in newest)
    return ProjectFiles(
        name=project.name,
        config_files=tuple(map(Path, config_files)),
        working_directory=directories[0] if directories else None,
        env_files=_absolute(split_paths(newest[0].labels.get(ENV_FILES, ""))),
    )


def split_paths(label: str) -> tuple[str, ...]:
    paths = (path.strip() for path in _SEPARATORS.split(label))
    return tuple(dict.fromkeys(path for path in paths if path))


def _config_files(container: Container) -> tuple[str, ...]:
    files = split_paths(container.labels[CONFIG_FILES])
    start = _called_from(container, files)
    return files if start is None else tuple(str(start / path) for path in files)


def _called_from(container: Container, files: tuple[str, ...]) -> PurePosixPath | None:
    """Where Compose V1 was called: it writes paths as they were typed, and the directory of the first one.

    None for other authors of labels, whose relative paths mean nothing, and when the two do not fit together.
    """
    directory = PurePosixPath(container.labels.get(WORKING_DIRECTORY, ""))
    typed = PurePosixPath(files[0]).parent if files else PurePosixPath("/")
    by_v1 = container.labels.get(COMPOSE_VERSION, "").startswith("1.")
    if not by_v1 or typed.is_absolute() or not directory.is_absolute():
        return None
    depth = len(typed.parts)
    parts = directory.parts
    fits = ".." not in typed.parts and parts[len(parts) - depth :] == typed.parts
    return PurePosixPath(*parts[: len(parts) - depth]) if fits else None


def _fault_in(files: tuple[str, ...]) -> str | None:
    if not files:
        return "config_files_empty"
    if not all(path.startswith("/") for path in files):
        return "config_files_relative_path_rejected"
    return None


def _invalid_label(container: Container, service: str) -> Mapping[str, Json]:
    raw = container.labels[CONFIG_FILES]
    return {"kind": "config_files_invalid", "service": service, "raw": raw[:_SHOWN_LABEL_LENGTH]}


def _absolute(paths: Iterable[str]) -> tuple[Path, ...]:
    return tuple(Path(path) for path in paths if path.startswith("/"))

"""Reads the labels that describe the Compose project of a container. No I/O."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dockrev.compose.models import ProjectFiles
from dockrev.docker.snapshot import Container, HostSnapshot, by_service
from dockrev.errors import Json
from dockrev.projects.variants import Variant

CONFIG_FILES = "com.docker.compose.project.config_files"
WORKING_DIRECTORY = "com.docker.compose.project.working_dir"
ENV_FILES = "com.docker.compose.project.environment_file"
COMPOSE_VERSION = "com.docker.compose.version"

NAMELESS_SERVICE = "unknown"

_SHOWN_LABEL_LENGTH = 2048
_SEPARATORS = re.compile(r"[,\n\r]")


@dataclass(frozen=True, slots=True)
class ProjectContainers:
    """`containers`: at least one, in any state, without one-off containers."""

    name: str
    containers: tuple[Container, ...]

    @property
    def services(self) -> Mapping[str, tuple[Container, ...]]:
        return by_service(self.containers)


@dataclass(frozen=True, slots=True)
class UnusableProject:
    """A project whose Compose files cannot be used. `reason` starts with a code (`compose_no_services`)."""

    project: str
    reason: str
    config_files: tuple[str, ...] | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


def projects_in(snapshot: HostSnapshot) -> tuple[ProjectContainers, ...]:
    """Sorted by name. A project that has only one-off containers is left out."""
    projects = (
        ProjectContainers(name, tuple(container for container in containers if not container.oneoff))
        for name, containers in snapshot.projects().items()
    )
    lasting = (project for project in projects if project.containers)
    return tuple(sorted(lasting, key=lambda project: project.name))


def variants_in(project: ProjectContainers) -> tuple[Variant, ...] | UnusableProject:
    """The distinct lists of files that containers were made from, each with the services that use it.

    Stopped containers may be older, so they count only when no container is up.
    """
    labelled = [container for container in project.containers if CONFIG_FILES in container.labels]
    if not labelled:
        return UnusableProject(project.name, "config_files_missing")
    services_by_files: dict[tuple[str, ...], set[str]] = {}
    for container in [container for container in labelled if container.state.is_up] or labelled:
        files = _config_files(container)
        service = container.service or NAMELESS_SERVICE
        if fault := _fault_in(files):
            return UnusableProject(project.name, fault, details=_invalid_label(container, service))
        services_by_files.setdefault(files, set()).add(service)
    return tuple(Variant(files, frozenset(services)) for files, services in services_by_files.items())


def project_files(project: ProjectContainers, config_files: tuple[str, ...]) -> ProjectFiles:
    """The files of the last Compose call for this project, from the labels of the newest container."""
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
    """The working directory of the Compose V1 call.

    V1 labels a container with the paths as the user typed them, and with the directory of the first file.
    None when Compose V1 did not write the labels, or when the two labels contradict each other.
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

"""Reads a Compose project: finds its files, renders them and adds the state of the containers."""

import asyncio
from dataclasses import replace
from pathlib import Path

import structlog

from dockrev.compose.lazy import LazyCompose
from dockrev.compose.models import ComposeService, EffectiveConfig, ProjectFiles
from dockrev.discovery.labels import watched
from dockrev.discovery.models import ReadProject, UsableProject
from dockrev.discovery.mounts import missing_mounts
from dockrev.discovery.runtime import runtime_of
from dockrev.docker.snapshot import HostSnapshot
from dockrev.errors import ComposeError
from dockrev.projects.files import find_files
from dockrev.projects.labels import ProjectContainers, UnusableProject
from dockrev.stacks.models import ObservedService, ObservedStack

log = structlog.get_logger()

_SHOWN_ERROR_LENGTH = 4096


class ProjectReader:
    """While the files of a project do not change, reading it starts no child process."""

    def __init__(self, compose: LazyCompose) -> None:
        self._compose = compose
        self._orphans: set[tuple[str, str]] = set()

    async def read(self, project: ProjectContainers, snapshot: HostSnapshot) -> ReadProject:
        files = await find_files(project)
        if isinstance(files, UnusableProject):
            return replace(files, reason=_shortened(files.reason))
        try:
            config = await self._compose.effective_config(files.files)
        except ComposeError as error:
            reason = await asyncio.to_thread(_explain, error, files.files)
            return UnusableProject(project.name, reason, files.config_files, files.details)
        self._log_new_orphans(project, config)
        stack = _stack(project, snapshot, files.config_files, config)
        return UsableProject(stack, _warning(files.warning, config), files.details)

    def _log_new_orphans(self, project: ProjectContainers, config: EffectiveConfig) -> None:
        configured = {service.name for service in config.services}
        orphans = {(project.name, service) for service in project.services if service not in configured}
        for _, service in sorted(orphans - self._orphans):
            log.warning(
                "A service has containers, but the Compose files do not have this service",
                action="discovery.orphans",
                project=project.name,
                service=service,
            )
        of_others = {orphan for orphan in self._orphans if orphan[0] != project.name}
        self._orphans = of_others | orphans


def _stack(
    project: ProjectContainers, snapshot: HostSnapshot, config_files: tuple[str, ...], config: EffectiveConfig
) -> ObservedStack:
    replicas = project.services

    def observed(service: ComposeService) -> ObservedService:
        return ObservedService(
            name=service.name,
            image_ref=service.image,
            builds=service.builds,
            watched=watched(service.labels),
            runtime=runtime_of(replicas.get(service.name, ()), service.image, snapshot),
            config_digest=service.digest,
        )

    services = sorted(config.services, key=lambda service: service.name)
    return ObservedStack(project.name, config_files, tuple(map(observed, services)))


def _warning(file_warning: str | None, config: EffectiveConfig) -> str | None:
    texts = [file_warning] if file_warning else []
    texts += [f"warning: {text}" for text in config.warnings]
    return _shortened("; ".join(texts)) or None


def _explain(error: ComposeError, files: ProjectFiles) -> str:
    """The reason, and the mounts to add when whole directories are missing in Dockrev's container."""
    text = _shortened(error.message)
    if error.details.get("reason") != "compose_file_unreadable":
        return text
    mounts = missing_mounts(files, _is_directory)
    return f"{text}; add to Dockrev's volumes:  {'  '.join(mounts)}" if mounts else text


def _is_directory(directory: Path) -> bool:
    try:
        return directory.is_dir()
    except OSError:  # no permission, or an invalid name
        return False


def _shortened(text: str) -> str:
    """Cuts the middle out: a label can hold a very long path, and the end of a message says what is wrong."""
    if len(text) <= _SHOWN_ERROR_LENGTH:
        return text
    half = _SHOWN_ERROR_LENGTH // 2
    return f"{text[:half]}...{text[-half:]}"

"""Reads a Compose project: finds its files, renders them and adds what runs. Pure modules decide."""

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
    """A project whose files have not changed is read without a child process."""

    def __init__(self, compose: LazyCompose) -> None:
        self._compose = compose
        self._orphans: set[tuple[str, str]] = set()

    async def read(self, project: ProjectContainers, snapshot: HostSnapshot) -> ReadProject:
        found = await find_files(project)
        if isinstance(found, UnusableProject):
            return replace(found, reason=_shortened(found.reason))
        try:
            config = await self._compose.effective_config(found.files)
        except ComposeError as error:
            reason = await asyncio.to_thread(_explain, error, found.files)
            return UnusableProject(project.name, reason, found.config_files, found.details)
        self._note_orphans(project, config)
        stack = _stack(project, snapshot, found.config_files, config)
        return UsableProject(stack, _warning(found.warning, config), found.details)

    def _note_orphans(self, project: ProjectContainers, config: EffectiveConfig) -> None:
        configured = {service.name for service in config.services}
        orphans = {(project.name, service) for service in project.services if service not in configured}
        for _, service in sorted(orphans - self._orphans):
            log.warning(
                "Containers of a service that the Compose files do not have",
                action="discovery.orphans",
                project=project.name,
                service=service,
            )
        self._orphans = {known for known in self._orphans if known[0] != project.name} | orphans


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


def _warning(selected: str | None, config: EffectiveConfig) -> str | None:
    texts = [selected] if selected else []
    texts += [f"warning: {text}" for text in config.warnings]
    return _shortened("; ".join(texts)) or None


def _explain(error: ComposeError, files: ProjectFiles) -> str:
    """What is wrong, and which mounts to add when Dockrev cannot see whole directories."""
    text = _shortened(error.message)
    if error.details.get("reason") != "compose_file_unreadable":
        return text
    mounts = missing_mounts(files, _in_sight)
    return f"{text}; add to Dockrev's volumes:  {'  '.join(mounts)}" if mounts else text


def _in_sight(directory: Path) -> bool:
    try:
        return directory.is_dir()
    except OSError:  # no permission, or a name that no file system takes
        return False


def _shortened(text: str) -> str:
    """A label can hold a very long path. The message keeps its end, which says what is wrong."""
    if len(text) <= _SHOWN_ERROR_LENGTH:
        return text
    half = _SHOWN_ERROR_LENGTH // 2
    return f"{text[:half]}...{text[-half:]}"

"""The Compose files of a project, found from the labels of its containers and the files on the disk."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from dockrev.compose.models import ProjectFiles
from dockrev.errors import Json
from dockrev.projects import variants as choice
from dockrev.projects.labels import ProjectContainers, UnusableProject, project_files, variants_in
from dockrev.projects.overrides import read_override


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """`warning` and `details` say how the files were chosen when the containers do not agree."""

    files: ProjectFiles
    config_files: tuple[str, ...]
    warning: str | None
    details: Mapping[str, Json]


async def find_files(project: ProjectContainers) -> FoundFiles | UnusableProject:
    variants = variants_in(project)
    if isinstance(variants, UnusableProject):
        return variants
    extras = choice.extra_files(variants)
    overrides = await asyncio.to_thread(lambda: {path: read_override(path) for path in extras})
    selection = choice.select(variants, overrides)
    details = choice.details(variants, selection)
    if selection.conflict:
        return UnusableProject(project.name, selection.conflict, details=details)
    files = project_files(project, selection.config_files)
    return FoundFiles(files, selection.config_files, selection.warning, details)

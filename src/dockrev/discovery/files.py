"""Which Compose files a project is made of now, from what its containers say and what lies on the disk."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from dockrev.compose.models import ProjectFiles
from dockrev.discovery import variants as choice
from dockrev.discovery.models import Unusable
from dockrev.discovery.overrides import read_override
from dockrev.discovery.projects import Project, project_files, variants_in
from dockrev.errors import Json


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """`warning` and `details` tell of a choice that had to be made."""

    files: ProjectFiles
    config_files: tuple[str, ...]
    warning: str | None
    details: Mapping[str, Json]


async def find_files(project: Project) -> FoundFiles | Unusable:
    variants = variants_in(project)
    if isinstance(variants, Unusable):
        return variants
    extras = choice.extra_files(variants)
    overrides = await asyncio.to_thread(lambda: {path: read_override(path) for path in extras})
    selection = choice.select(variants, overrides)
    details = choice.details(variants, selection)
    if selection.conflict:
        return Unusable(project.name, selection.conflict, details=details)
    files = project_files(project, selection.config_files)
    return FoundFiles(files, selection.config_files, selection.warning, details)

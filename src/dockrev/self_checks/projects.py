"""Checks that the engine has containers of Compose projects."""

from collections.abc import Sequence

from dockrev.docker.engine import Engine
from dockrev.errors import DockerError
from dockrev.projects.labels import projects_in
from dockrev.self_checks.check import CheckFinding, ok, warn


async def check_projects(engine: Engine) -> Sequence[CheckFinding]:
    try:
        projects = projects_in(await engine.observe())
    except DockerError:
        return ()  # the check of the engine reports this fault
    if not projects:
        return warn("no container of a Compose project exists on this engine")
    return ok(f"{len(projects)} with containers: {', '.join(project.name for project in projects)}")

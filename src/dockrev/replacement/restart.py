"""Restarts services that have `restart: true` in `depends_on` when the service they depend on was recreated.

Compose does this itself for the services of one `compose up` (Compose specification, `depends_on.restart`).
A replacement runs `compose up` for one service at a time, so it has to restart the others.
"""

from collections.abc import Collection

from dockrev.docker.snapshot import ContainerState
from dockrev.errors import AppError
from dockrev.hosts.host import Host
from dockrev.projects.project import ComposeProject
from dockrev.replacement.context import ReplacementContext
from dockrev.replacement.order import to_restart_with


async def restart_dependents(recreated: Collection[str], context: ReplacementContext) -> None:
    """Reports a restart that fails; the replacement remains valid. Raises UpstreamError."""
    if not recreated:
        return
    host, project, tell = context.host, context.replacement.project, context.tell
    view, own = await ComposeProject(host, project).read(), await host.own_service()
    services = {service.name: service for service in view.config.services}
    for name, cause in to_restart_with(recreated, services.values()).items():
        cause_text = f"{project}/{name} depends on {cause} with restart: true"
        if own.is_service(project, name, services[name].image):
            text = f"{cause_text}, but it is Dockrev itself. Restart it: docker compose restart {name}"
            await tell.line(text, warning=True)
            continue
        try:
            restarted = await _restart(host, project, name)
        except AppError as error:
            failure = error.message.rstrip(".")
            text = f"{cause_text}, but its restart failed: {failure}. Try: docker compose restart {name}"
            await tell.line(text, warning=True)
        else:
            if restarted:
                await tell.line(f"{cause_text}, so it was restarted")


async def _restart(host: Host, project: str, service: str) -> bool:
    """Restarts the running containers. False when none runs: a stopped container stays stopped."""
    containers = await host.containers.of_service(project, service)
    running = [container for container in containers if container.state is ContainerState.RUNNING]
    for container in running:
        await host.containers.restart(container.id)
    return bool(running)

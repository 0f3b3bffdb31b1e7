"""Restarts services that ask for it when a service that they depend on was recreated.

Compose does this for services that it brings up itself (Compose specification, `depends_on.restart`), and a
replacement brings up one service at a time.
"""

from collections.abc import Collection

from dockrev.docker.snapshot import ContainerState
from dockrev.errors import AppError
from dockrev.hosts.host import Host
from dockrev.projects.project import ComposeProject
from dockrev.replacement.context import ReplacementContext
from dockrev.replacement.order import to_restart_with


async def restart_dependents(recreated: Collection[str], context: ReplacementContext) -> None:
    """A restart that fails is told; the replacement stands. Raises UpstreamError."""
    if not recreated:
        return
    host, project, tell = context.host, context.replacement.project, context.tell
    view, own = await ComposeProject(host, project).read(), await host.own_service()
    services = {one.name: one for one in view.config.services}
    for name, cause in to_restart_with(recreated, services.values()).items():
        wish = f"{project}/{name} depends on {cause} and asks for a restart with it"
        if own.is_service(project, name, services[name].image):
            await tell.line(f"{wish}, but is Dockrev itself: docker compose restart {name}", warning=True)
            continue
        try:
            restarted = await _restart(host, project, name)
        except AppError as error:
            text = f"{wish}, which failed: {error.message.rstrip('.')}. Try: docker compose restart {name}"
            await tell.line(text, warning=True)
        else:
            if restarted:
                await tell.line(f"{wish}: done")


async def _restart(host: Host, project: str, service: str) -> bool:
    """False when no container of it runs: what is stopped stays stopped."""
    containers = await host.containers.of_service(project, service)
    running = [one for one in containers if one.state is ContainerState.RUNNING]
    for container in running:
        await host.containers.restart(container.id)
    return bool(running)

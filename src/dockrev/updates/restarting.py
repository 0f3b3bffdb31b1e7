"""Services that want a restart when what they depend on was made anew.

Compose does it for those that it brings up itself (Compose specification, `depends_on.restart`), and an
update brings up one service at a time.
"""

from collections.abc import Collection

from dockrev.docker.snapshot import ContainerState
from dockrev.errors import AppError
from dockrev.projects.project import ComposeProject
from dockrev.replacement.order import to_restart_with
from dockrev.updates.collaborators import Tools
from dockrev.updates.report import StackReport


class Restarting:
    def __init__(self, tools: Tools, project: str, report: StackReport) -> None:
        self._tools = tools
        self._project = project
        self._report = report

    async def after(self, made_anew: Collection[str]) -> None:
        """What cannot be restarted is told; the update is what it is. Raises UpstreamError."""
        if not made_anew:
            return
        view, own = (
            await ComposeProject(self._tools.host, self._project).read(),
            await self._tools.host.own_service(),
        )
        services = {one.name: one for one in view.config.services}
        for name, cause in to_restart_with(made_anew, services.values()).items():
            wish = f"{self._project}/{name} depends on {cause} and wants a restart with it"
            if own.is_service(self._project, name, services[name].image):
                await self._report.warn(f"{wish}, but is Dockrev itself: docker compose restart {name}")
                continue
            try:
                restarted = await self._restart(name)
            except AppError as error:
                reason = error.message.rstrip(".")
                await self._report.warn(f"{wish}, which failed: {reason}. Try: docker compose restart {name}")
            else:
                if restarted:
                    await self._report.log(f"{wish}: done")

    async def _restart(self, service: str) -> bool:
        containers = await self._tools.host.containers.of_service(self._project, service)
        running = [one for one in containers if one.state is ContainerState.RUNNING]
        for one in running:
            await self._tools.host.containers.restart(one.id)
        return bool(running)

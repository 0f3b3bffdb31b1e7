"""What each step of a service's update does. Each may be done again; that one is done, the journal keeps."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from dockrev.docker.pull_progress import PullProgress
from dockrev.errors import Conflict, Json, StorageError, UpstreamError
from dockrev.oci.digest import Digest
from dockrev.projects.project import ComposeProject
from dockrev.replacement.order import dependents_of
from dockrev.updates.applying import Applying
from dockrev.updates.collaborators import Tools
from dockrev.updates.content import bring
from dockrev.updates.models import ServicePlan, StackPlan, Step
from dockrev.updates.preflight import Preflight, own_service
from dockrev.updates.record import Before, is_up, record
from dockrev.updates.report import StackReport
from dockrev.updates.retrying import patiently, unless_cancelled
from dockrev.updates.settings import health_limits
from dockrev.updates.watching import Watching

INTENT: Mapping[Step, str] = {
    Step.RECORD: "what runs now",
    Step.PREFLIGHT: "compose file, registry, platform, disk",
    Step.PULL: "by digest",
    Step.TAG: "the name in the compose file",
    Step.APPLY: "compose up",
    Step.VERIFY: "containers run and are healthy",
    Step.PROVE: "settings, networks and mounts are kept",
    Step.SETTLE: "what runs is what was approved",
}


class Steps:
    """All raise AppError. What they return is kept: `text` for people, the rest for later steps."""

    def __init__(
        self, stack: StackPlan, plan: ServicePlan, tools: Tools, report: StackReport, cancelled: asyncio.Event
    ) -> None:
        self._stack = stack
        self._plan = plan
        self._tools = tools
        self._report = report
        self._cancelled = cancelled
        self.applying = Applying(tools, stack.project, plan.name, self._line)
        self.watching = Watching(tools, self.applying, plan.name, self._tell_watching)

    async def record(self) -> Before | None:
        """None: it does not run."""
        tools, plan = self._tools, self._plan
        view = await ComposeProject(tools.host, self._stack.project).read()
        containers = await self.applying.containers()
        if not is_up(containers):
            return None
        images = {one.image_id: await tools.host.images.inspect(one.image_id) for one in containers}
        sharing = await self.applying.running(dependents_of(plan.name, view.config.services), view)
        made_from = await self.applying.made_from(view, plan.name, len(containers))
        now, patience = tools.clock.now(), await health_limits(tools.settings)
        return record(view.files, containers, images, sharing, made_from, now, patience)

    async def preflight(self, before: Before, *, allow_arch_mismatch: bool) -> dict[str, Json]:
        preflight = Preflight(
            self._tools, self.applying, self._stack, self._plan, self._line, self._report.warn
        )
        looking = preflight.download_bytes(before, allow_arch_mismatch=allow_arch_mismatch)
        size = await unless_cancelled(self._cancelled, looking)
        return {"downloadBytes": size, "text": f"at most {size / 1e6:.1f} MB to download"}

    async def pull(self) -> dict[str, Json]:
        def advance(progress: PullProgress) -> None:
            self._report.pulling(self._plan, progress.bytes_done, progress.bytes_total)

        tools, content = self._tools, self._plan.content
        pulling = patiently(lambda: bring(tools, content, advance), tools.retries, self._line)
        image = await unless_cancelled(self._cancelled, pulling)
        return {"image": image, "text": f"{Digest(self._plan.digest).short} is image {image[7:19]}"}

    async def tag(self, image: str) -> dict[str, Json]:
        """So that `docker compose up -d` by hand means the same image later."""
        ref = self._plan.ref
        await self._tools.host.images.tag(image, ref.repository, ref.tag or "")
        return {"text": f"{self._plan.image_ref} is image {image[7:19]} here{self.also}"}

    @property
    def also(self) -> str:
        """Whom the name of the image concerns as well, at the next `compose up` there."""
        names = ", ".join(self._plan.namesakes)
        return f", also to {names} when that is brought up next" if names else ""

    async def up(self, before: Before) -> dict[str, Json]:
        service = own_service(
            self._plan.name, await ComposeProject(self._tools.host, self._stack.project).render(before.files)
        )
        if self._plan.config_digest and service.digest != self._plan.config_digest:
            raise Conflict("the compose file was changed during the update")
        await self.applying.up(before)
        return {"text": "containers are made anew"}

    async def verify(self, before: Before, image: str) -> dict[str, Json]:
        if image == before.image and await self.applying.untouched(before):
            return {"text": "the same containers run on"}
        watching = self._watch(before, image)
        return {"text": await unless_cancelled(self._cancelled, watching)}

    async def _watch(self, before: Before, image: str) -> str:
        text = await self.watching.watch(before, image, must_be_sound=True)
        companions = before.sharing.items()
        images = {name: image if one.is_named(self._plan.ref) else one.image for name, one in companions}
        await self.watching.watch_companions(before, images)
        return text

    def _tell_watching(self, text: str) -> None:
        self._report.watching(self._plan, text)

    async def prove(self, before: Before) -> dict[str, Json]:
        if lost := await self.applying.lost(before):
            raise Conflict(f"the new container lost what nothing explains: {'; '.join(map(str, lost))}")
        return {"text": "nothing is lost"}

    async def settle(self) -> dict[str, Json]:
        await self.look_around()
        return {"text": "runs what was approved"}

    async def settled(self) -> None:
        """Tells what is true of the service now, as its registry and the engine say."""
        try:
            if seen := await self._tools.checker.refreshed_view(self._stack.stack_id, self._plan.service_id):
                await self._report.settled(self._plan, seen)
        except UpstreamError as error:
            await self._report.warn(f"{self._plan.name} was not looked at again: {error.message}")

    async def look_around(self) -> None:
        """What cannot be seen now is seen by the next scan; the service is what it is."""
        try:
            await self._tools.scanner.scan()
        except UpstreamError as error:
            await self._report.warn(f"the list of stacks is not fresh yet: {error.message}")
        await self.settled()

    async def _line(self, line: str) -> None:
        with suppress(StorageError):  # a line less; what has to be stored is in the journal
            await self._report.log(line)

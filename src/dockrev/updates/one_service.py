"""One service from the image that runs to the one that was approved, step by step.

Every step may be done again: after a crash the journal tells which ones are done, and the first one that is
not is simply done once more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter

from dockrev.compose.models import ComposeService, ProjectView
from dockrev.docker.tagging import PROTECTIVE_REPOSITORY
from dockrev.errors import (
    AppError,
    Conflict,
    DockerError,
    DockerNotFound,
    InvalidArgument,
    Json,
    StorageError,
    UpstreamError,
)
from dockrev.jobs.models import Level
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import ImageManifest, Index
from dockrev.oci.ref import ImageRef
from dockrev.updates.applying import Applying
from dockrev.updates.collaborators import Tools
from dockrev.updates.going_back import GoingBack, Undo
from dockrev.updates.models import ServiceOutcome, ServicePlan, ServiceStatus, StackPlan, Step
from dockrev.updates.order import sharing_with
from dockrev.updates.proof import compare, testimony
from dockrev.updates.record import Before, from_facts, is_up, record
from dockrev.updates.report import StackReport
from dockrev.updates.retrying import engine_back, patiently, unless_cancelled
from dockrev.updates.selection import is_own
from dockrev.updates.store import Journal
from dockrev.updates.watching import watch

_OUTCOME = TypeAdapter(ServiceOutcome)
_OUTCOME_STEP = "outcome"
_ROLLBACK_BEGUN = "rollback_begun"
_DISK_FACTOR = 3
"""Unpacked, an image takes about this many times what is downloaded."""


class StepFailed(Exception):
    """A step could not be done; `step` is where."""

    def __init__(self, step: Step, reason: str) -> None:
        super().__init__(reason)
        self.step = step
        self.reason = reason


class ServiceUpdate:
    def __init__(
        self,
        job_id: str,
        stack: StackPlan,
        plan: ServicePlan,
        journal: Journal,
        tools: Tools,
        report: StackReport,
        cancelled: asyncio.Event,
    ) -> None:
        self._job_id = job_id
        self._stack = stack
        self._plan = plan
        self._journal = journal
        self._tools = tools
        self._report = report
        self._cancelled = cancelled
        self._ref = ImageRef.parse(plan.image_ref)
        self._content = ImageRef(self._ref.registry, self._ref.path, None, Digest(plan.digest))
        self._applying = Applying(tools, stack.project, plan.name, self._line)
        self._before: Before | None = None
        self._done: dict[str, Mapping[str, Any]] = {}

    @property
    def plan(self) -> ServicePlan:
        return self._plan

    async def recall(self) -> ServiceOutcome | None:
        """What the journal holds; the outcome, if this service is finished."""
        self._done = await self._journal.read()
        if facts := self._done.get(Step.RECORD):
            self._before = from_facts(facts)
        finished = self._done.get(_OUTCOME_STEP)
        return _OUTCOME.validate_python(finished) if finished else None

    async def prepare(self, *, allow_arch_mismatch: bool, protect: bool) -> ServiceOutcome | None:
        """The steps that change nothing. An outcome is returned only when that is the end of it.

        `protect`: no prune may remove the image that runs, until this is over. Raises StepFailed.
        """
        if Step.PREFLIGHT in self._done:
            return None
        if not await self._do(Step.RECORD, lambda: self._record(protect)):
            return await self._end(ServiceStatus.SKIPPED, "it does not run, and an update starts nothing")
        await self._do(Step.PREFLIGHT, lambda: self._preflight(allow_arch_mismatch))
        return None

    def rehearsed(self) -> ServiceOutcome:
        """What a dry run says of a service that could be updated."""
        size: int | None = self._done.get(Step.PREFLIGHT, {}).get("downloadBytes")
        image, status = self._known.image, ServiceStatus.NOT_ATTEMPTED
        plan = self._plan
        return ServiceOutcome(
            plan.service_id, plan.name, status, "dry run", old_image=image, bytes_to_download=size
        )

    async def apply(self, undo: Undo | None) -> ServiceOutcome:
        """From pull to settle; on any failure after the pull back to what was. Never raises AppError."""
        if begun := self._done.get(_ROLLBACK_BEGUN):
            return await self._roll_back(Step(begun["step"]), begun["reason"], undo)
        try:
            image = (await self._do(Step.PULL, self._pull))["image"]
            await self._do(Step.TAG, lambda: self._tag(image))
            await self._do(Step.APPLY, self._up)
            await self._do(Step.VERIFY, lambda: self._verify(image))
            await self._do(Step.PROVE, self._prove)
        except StepFailed as failure:
            return await self._after(failure, undo)
        return await self._finish(image)

    async def refuse(self, failure: StepFailed) -> ServiceOutcome:
        """The end of a service of which nothing was changed."""
        await self.unprotect()
        return await self._end(ServiceStatus.FAILED, failure.reason, failure.step)

    async def _finish(self, image: str) -> ServiceOutcome:
        await self._do(Step.SETTLE, self._settle)
        same = image == self._known.image
        pulled, warnings = await self._pull_tags()
        await self.unprotect()
        outcome = ServiceOutcome(
            self._plan.service_id,
            self._plan.name,
            ServiceStatus.UNCHANGED if same else ServiceStatus.UPDATED,
            old_image=self._known.image,
            new_image=image,
            pulled_tags=pulled,
            warnings=warnings,
        )
        return await self._keep(outcome)

    @property
    def _known(self) -> Before:
        if self._before is None:
            raise StepFailed(Step.RECORD, "the service was never recorded")
        return self._before

    async def _do(self, step: Step, work: Callable[[], Awaitable[dict[str, Json]]]) -> Mapping[str, Any]:
        """Once: what the journal has is not done again. Raises StepFailed."""
        if step in self._done:
            return self._done[step]
        if self._cancelled.is_set() and step is not Step.SETTLE:
            raise StepFailed(step, "the job was cancelled")
        await self._report.began(self._plan, step, _INTENT[step])
        try:
            facts = await work()
        except StorageError:
            raise  # the whole job waits for its database
        except AppError as error:
            raise StepFailed(step, error.message) from error
        if facts:
            await self._journal.write(step, facts)
            self._done[step] = facts
        await self._report.did(self._plan, step, str(facts.get("text", "done")))
        return facts

    async def _record(self, protect: bool) -> dict[str, Json]:
        tools, name = self._tools, self._plan.name
        view = await tools.projects.read(self._stack.project)
        containers = await self._applying.containers()
        if not is_up(containers):
            return {}
        images = {one.image_id: await tools.inspection.image(one.image_id) for one in containers}
        tag = f"{self._job_id}-{self._plan.service_id}"
        sharing = await self._applying.running(sharing_with(name, view.config.services))
        before = record(view.files, containers, images, sharing, f"{PROTECTIVE_REPOSITORY}:{tag}")
        if protect:
            await tools.tagging.tag(before.image, PROTECTIVE_REPOSITORY, tag)
        self._before = before
        return {**before.as_facts(), "text": before.told}

    async def _preflight(self, allow_arch_mismatch: bool) -> dict[str, Json]:
        view = await self._tools.projects.read(self._stack.project)
        service = self._own(view)
        if service.image != self._plan.image_ref:
            raise Conflict(
                f"the compose file names {service.image} now, not {self._plan.image_ref}; check again"
            )
        if self._plan.config_digest and service.digest != self._plan.config_digest:
            raise Conflict("the compose file was changed since it was last read; look at it and check again")
        self._require_company_may_go(view)
        await self._applying.require_same_images(self._known.sharing)
        size = await self._download_size(allow_arch_mismatch)
        free = await self._tools.disk.free_bytes()
        if free is not None and free < size * _DISK_FACTOR:
            raise Conflict(f"{free // 10**6} MB are free, about {size * _DISK_FACTOR // 10**6} MB are needed")
        return {"downloadBytes": size, "text": f"at most {size / 1e6:.1f} MB to download"}

    async def _download_size(self, allow_arch_mismatch: bool) -> int:
        """0 when the content is here already; the registry is not asked then."""
        try:
            await self._tools.inspection.image(f"{self._content}")
        except DockerNotFound:
            manifest = await self._tools.registry.manifest(self._content)
        else:
            return 0
        if isinstance(manifest, ImageManifest):
            return manifest.download_bytes
        host = await self._tools.platform()
        child = manifest.digest_for(host)
        if child is None and not allow_arch_mismatch:
            raise InvalidArgument(f"the image is not offered for {host}")
        if child is None:
            return 0
        found = await self._tools.registry.manifest(self._content.at(child))
        return 0 if isinstance(found, Index) else found.download_bytes

    async def _pull(self) -> dict[str, Json]:
        def advance(progress: Any) -> None:
            self._report.pulling(self._plan, progress.bytes_done, progress.bytes_total)

        login = await self._tools.login(self._ref)
        pulling = patiently(
            lambda: self._tools.pulling.pull(self._content, login, advance), self._tools.retries, self._line
        )
        image = await unless_cancelled(self._cancelled, pulling)
        return {"image": image, "text": f"{Digest(self._plan.digest).short} is image {image[7:19]}"}

    async def _tag(self, image: str) -> dict[str, Json]:
        """So that `docker compose up -d` by hand means the same image later."""
        await self._tools.tagging.tag(image, self._ref.repository, self._ref.tag or "")
        return {"text": f"{self._plan.image_ref} is image {image[7:19]} here"}

    async def _up(self) -> dict[str, Json]:
        files = self._known.files
        service = self._own(await self._tools.projects.render(files))
        if self._plan.config_digest and service.digest != self._plan.config_digest:
            raise Conflict("the compose file was changed during the update")
        await self._applying.up(files, self._known)
        return {"text": "containers are made anew"}

    def _require_company_may_go(self, view: ProjectView) -> None:
        """Raises Conflict when Dockrev itself would be made anew with this service, and end its own work."""
        own_image = self._tools.retries.own_image
        for one in view.config.services:
            if one.name in self._known.sharing and is_own(one.image, own_image):
                raise Conflict(
                    f"{one.name} is Dockrev itself and lives in the network of {self._plan.name}, so it would"
                    " end its own work; update this service by hand"
                )

    async def _verify(self, image: str) -> dict[str, Json]:
        if image == self._known.image and await self._applying.untouched(self._known):
            return {"text": "the same containers run on"}
        looking = watch(
            self._applying.containers, image, self._known.replicas, self._tools, self._tell_watching
        )
        text = await unless_cancelled(self._cancelled, looking)
        await self._applying.require_company(self._known)
        return {"text": text}

    def _tell_watching(self, text: str) -> None:
        self._report.watching(self._plan, text)

    async def _prove(self) -> dict[str, Json]:
        after = [
            testimony(one, await self._tools.inspection.image(one.image_id))
            for one in await self._applying.containers()
        ]
        pairs = zip(self._known.testimonies, after, strict=False)
        differences = [one for before, now in pairs for one in compare(before, now)]
        if differences:
            raise Conflict(
                f"the new container lost what nothing explains: {'; '.join(map(str, differences))}"
            )
        return {"text": "nothing is lost"}

    async def _settle(self) -> dict[str, Json]:
        await self._look_around()
        if seen := await self._tools.appraised(self._stack.stack_id, self._plan.service_id):
            await self._report.settled(self._plan, seen)
        return {"text": "runs what was approved"}

    async def _look_around(self) -> None:
        """What cannot be seen now is seen by the next scan; the service is what it is."""
        try:
            await self._tools.look_around()
        except UpstreamError as error:
            await self._report.log(f"the list of stacks is not fresh yet: {error.message}", Level.WARN)

    async def _after(self, failure: StepFailed, undo: Undo | None) -> ServiceOutcome:
        await self._report.failed(self._plan, failure.step, failure.reason)
        if failure.step is Step.PULL:
            return await self.refuse(failure)
        if self._plan.auto_rollback or self._cancelled.is_set():
            return await self._roll_back(failure.step, failure.reason, undo)
        state = await self._applying.state()
        await self.unprotect()
        reason = f"{failure.reason}; automatic rollback is off for this service. {state}"
        return await self._end(ServiceStatus.FAILED, reason, failure.step)

    async def _roll_back(self, step: Step, reason: str, undo: Undo | None) -> ServiceOutcome:
        """Not ended by cancelling the job: going back is what that asks for."""
        await self._journal.write(_ROLLBACK_BEGUN, {"step": step.value, "reason": reason})
        await self._report.began(self._plan, Step.ROLLBACK, f"because of {step}: {reason}")
        try:
            text = await self._going_back(undo).run()
        except StorageError:
            raise
        except AppError as error:
            await self._report.failed(self._plan, Step.ROLLBACK, error.message)
            state = await self._applying.state()
            await self.unprotect()
            failed = f"{reason}; going back failed too: {error.message}. {state}"
            return await self._end(ServiceStatus.FAILED, failed, Step.ROLLBACK)
        await self._look_around()
        await self._report.did(self._plan, Step.ROLLBACK, text)
        await self.unprotect()
        return await self._end(ServiceStatus.ROLLED_BACK, reason, step)

    def _going_back(self, undo: Undo | None) -> GoingBack:
        return GoingBack(
            self._tools, self._applying, self._known, self._ref, self._journal, undo, self._tell_watching
        )

    async def _pull_tags(self) -> tuple[tuple[str, ...], tuple[Mapping[str, Json], ...]]:
        """Names for the new content that the operator wants here; missing ones harm nobody."""
        pulled, warnings = [], []
        login = await self._tools.login(self._ref) if self._plan.pull_tags else None
        for tag in self._plan.pull_tags:
            name = f"{self._ref.repository}:{tag}"
            try:
                ref = ImageRef.parse(name)
                digest = await self._tools.registry.head(ref)
                content = ImageRef(ref.registry, ref.path, None, digest)
                image = await self._tools.pulling.pull(content, login, lambda _: None)
                await self._tools.tagging.tag(image, ref.repository, tag)
                pulled.append(name)
            except AppError as error:
                await self._report.log(f"{name} was not pulled: {error.message}", Level.WARN)
                warning: dict[str, Json] = {
                    "serviceId": self._plan.service_id,
                    "tagRef": name,
                    "step": "pull_tag",
                    "lastError": error.message,
                }
                warnings.append(warning)
        return tuple(pulled), tuple(warnings)

    async def unprotect(self) -> None:
        """Also when the engine is away for a while."""
        if self._before is None:
            return
        try:
            await engine_back(self._tools)
            await self._tools.tagging.untag(self._before.protective_tag)
        except DockerError as error:
            await self._report.log(f"the protective tag stays: {error.message}", Level.WARN)

    async def _end(self, status: ServiceStatus, reason: str, step: Step | None = None) -> ServiceOutcome:
        old = self._before.image if self._before else None
        new = old if status is ServiceStatus.ROLLED_BACK else None
        return await self._keep(
            ServiceOutcome(self._plan.service_id, self._plan.name, status, reason, step, old, new)
        )

    async def _keep(self, outcome: ServiceOutcome) -> ServiceOutcome:
        await self._journal.write(_OUTCOME_STEP, _OUTCOME.dump_python(outcome, mode="json"))
        return outcome

    async def _line(self, line: str) -> None:
        with suppress(StorageError):  # a line less; what has to be stored is in the journal
            await self._report.log(line)

    def _own(self, view: ProjectView) -> ComposeService:
        for one in view.config.services:
            if one.name == self._plan.name:
                return one
        raise Conflict(f"the project has no service {self._plan.name} any more")


_INTENT: Mapping[Step, str] = {
    Step.RECORD: "what runs now",
    Step.PREFLIGHT: "compose file, registry, platform, disk",
    Step.PULL: "by digest",
    Step.TAG: "the name in the compose file",
    Step.APPLY: "compose up",
    Step.VERIFY: "containers run and are healthy",
    Step.PROVE: "settings, networks and mounts are kept",
    Step.SETTLE: "what runs is what was approved",
}

"""The steps of a replacement: a table. Each step is safe to repeat after an interruption.

A new step is one row of the table and one function. The function returns what the journal keeps: `text` is
shown to people, the rest is for later steps. It raises AppError, which fails the service.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from dockrev.blockers import Blocked
from dockrev.compose.models import ProjectView
from dockrev.docker.inspect import ContainerDetail
from dockrev.docker.pull_progress import PullProgress
from dockrev.errors import AppError, Conflict, JobCancelled, StorageError
from dockrev.oci.digest import Digest
from dockrev.projects.project import ComposeProject
from dockrev.replacement import facts, kept_image
from dockrev.replacement.download import ensure_present, expected_download, require_space
from dockrev.replacement.health_wait import ExpectedContainers, wait_until_healthy
from dockrev.replacement.order import dependents_of, init_services
from dockrev.replacement.ports import Facts, StepStatus
from dockrev.replacement.preflight import PreflightInput, first_blocker, running_containers
from dockrev.replacement.service_run import ServiceRun, StepFailed
from dockrev.replacement.state import is_up, previous_state, short_id
from dockrev.replacement.waiting import or_cancelled, retry_and_tell

BACKUP = facts.BACKUP
ROLLBACK = "rollback"


class Preparation:
    """What the preparing steps of all services look at. It is read once, before the first of them."""

    def __init__(self, view: ProjectView | AppError) -> None:
        self._view = view
        self._running: Sequence[ContainerDetail] | None = None

    @property
    def view(self) -> ProjectView:
        """Raises the AppError for which the project could not be read."""
        if isinstance(self._view, AppError):
            raise self._view
        return self._view

    async def running(self, run: ServiceRun) -> Sequence[ContainerDetail]:
        if self._running is None:
            self._running = await running_containers(run.context.host)
        return self._running


@dataclass(frozen=True, slots=True)
class StepDef:
    """`text`: what the step looks at or does, for people.

    `share`: how much of its phase is done after it, from 0 to 1. `run`: the work itself; a step that changes
    nothing gets what was read for all services. `undoes`: after this step has begun, the service is no longer
    as it was, so a failure is rolled back. `cancellable`: a cancelled job does not begin it.
    """

    name: str
    text: str
    share: float
    run: Callable[[ServiceRun, Preparation], Awaitable[Facts]]
    undoes: bool = False
    cancellable: bool = True


async def run_step(run: ServiceRun, step: StepDef, preparation: Preparation) -> None:
    """Does nothing when the journal has the step. Raises StepFailed, and StorageError of the journal."""
    if step.name in run.entries:
        return
    if step.cancellable and run.context.cancelled.is_set():
        raise StepFailed(step.name, JobCancelled())
    await run.tell_step(step.name, StepStatus.STARTED, step.text)
    try:
        content = await step.run(run, preparation)
    except StorageError:
        raise  # the whole job waits for its database
    except AppError as error:
        raise StepFailed(step.name, error) from error
    if content:
        await run.write(step.name, content)
    await run.tell_step(step.name, StepStatus.DONE, str(content.get("text", "done")))


async def record(run: ServiceRun, preparation: Preparation) -> Facts:
    """Nothing when the service does not run: a replacement starts nothing."""
    context, containers, name = run.context, run.containers, run.change.name
    view, replicas = preparation.view, await containers.inspect()
    if not is_up(replicas):
        return {}
    previous = previous_state(
        view.files,
        replicas,
        await containers.images_of(replicas),
        await containers.dependents(dependents_of(name, view.config.services), view),
        await containers.made_from(view, name, len(replicas)),
        context.clock.now(),
        context.policies.health,
    )
    if not context.replacement.dry_run:
        await kept_image.pin(
            context.host.images, context.replacement.id, run.change.service_id, previous.image
        )
    run.previous = previous
    return {**facts.encode(previous), "text": previous.text}


async def preflight(run: ServiceRun, preparation: Preparation) -> Facts:
    return await or_cancelled(run.context.cancelled, _preflight(run, preparation))


async def _preflight(run: ServiceRun, preparation: Preparation) -> Facts:
    context, change, replacement = run.context, run.change, run.context.replacement
    view = preparation.view
    names = (change.name, *sorted(run.previous.dependents))
    blocker = await first_blocker(
        PreflightInput(
            context.host,
            replacement.project,
            change,
            frozenset(one.name for one in replacement.changes if one.digest == change.digest),
            run.previous,
            view,
            {name: await run.containers.inspect(name) for name in names},
            await preparation.running(run),
            await context.host.own_service(),
        )
    )
    if blocker is not None:
        raise Blocked(blocker)
    await _warn_of_init_services(run, view)
    download = await retry_and_tell(
        context.policies.registry,
        lambda: expected_download(
            context.host,
            context.registry,
            change.content,
            run.previous.image,
            allow_arch_mismatch=replacement.allow_arch_mismatch,
        ),
        context.tell.line,
    )
    await require_space(context.host, download.bytes)
    return {
        "downloadBytes": download.bytes,
        "platform": download.platform,
        "text": f"at most {download.bytes / 1e6:.1f} MB to download",
    }


async def _warn_of_init_services(run: ServiceRun, view: ProjectView) -> None:
    project, services = run.context.replacement.project, view.config.services
    for service in (one for one in services if one.name == run.change.name):
        for first in init_services(service, services):
            await run.context.tell.line(
                f"{project}/{first} has to complete before {service.name} and comes from the same image; an"
                f" update does not run it again: docker compose up {first}",
                warning=True,
            )


async def pull(run: ServiceRun, _: Preparation) -> Facts:
    context, change = run.context, run.change
    platform = run.entries[PREFLIGHT.name].get("platform")

    def advance(progress: PullProgress) -> None:
        context.tell.pulling(change, progress.bytes_done, progress.bytes_total)

    pulling = retry_and_tell(
        context.policies.registry,
        lambda: ensure_present(
            context.host, context.registry, change.content, advance, str(platform) if platform else None
        ),
        context.tell.line,
    )
    image = await or_cancelled(context.cancelled, pulling)
    return {"image": image, "text": f"{Digest(change.digest).short} is image {short_id(image)}"}


async def tag(run: ServiceRun, _: Preparation) -> Facts:
    """So that `docker compose up -d` by hand uses the same image later."""
    ref, image = run.change.ref, run.new_image
    await run.context.host.images.tag(image, ref.repository, ref.tag or "")
    return {"text": f"{run.change.image_ref} is image {short_id(image)} here{run.namesakes}"}


async def apply(run: ServiceRun, _: Preparation) -> Facts:
    project, change = ComposeProject(run.context.host, run.context.replacement.project), run.change
    view = await project.render(run.previous.files)
    digests = [one.digest for one in view.config.services if one.name == change.name]
    if not digests:
        raise Conflict(f"the project has no service {change.name} any more")
    if change.config_digest and digests != [change.config_digest]:
        raise Conflict("the compose file was changed during the update")
    await run.containers.up(run.previous)
    return {"text": "containers are recreated"}


async def verify(run: ServiceRun, _: Preparation) -> Facts:
    if run.new_image == run.previous.image and await run.containers.untouched(run.previous):
        return {"text": "the same containers still run"}
    dependents = {
        name: run.new_image if one.uses(run.change.ref) else one.image
        for name, one in run.previous.dependents.items()
    }
    waiting = wait_for_service(run, run.new_image, dependents, must_be_healthy=True)
    return {"text": await or_cancelled(run.context.cancelled, waiting)}


async def wait_for_service(
    run: ServiceRun, image: str, dependents: dict[str, str], *, must_be_healthy: bool
) -> str:
    """How the service is when it and its dependents work. Raises Conflict with the reason when they do not.

    `dependents`: the image that each of them runs, by name.
    """
    previous, project = run.previous, run.context.replacement.project
    own = ExpectedContainers(project, run.change.name, image, previous.replicas, must_be_healthy)
    text = await _wait(run, own)
    for name, one in previous.dependents.items():
        try:
            await _wait(run, ExpectedContainers(project, name, dependents[name], one.replicas, one.healthy))
        except Conflict as error:
            raise Conflict(f"{name} was recreated with it, and {error.message}") from error
    return text


async def _wait(run: ServiceRun, expected: ExpectedContainers) -> str:
    context = run.context

    def tell(reason: str) -> None:
        context.tell.waiting(run.change, reason)

    return await wait_until_healthy(context.host, expected, context.policies.health, context.clock, tell)


async def prove(run: ServiceRun, _: Preparation) -> Facts:
    if lost := await run.containers.differences(run.previous):
        raise Conflict(
            f"the new container lost settings for which there is no explanation: {'; '.join(map(str, lost))}"
        )
    return {"text": "nothing is lost"}


async def settle(run: ServiceRun, _: Preparation) -> Facts:
    await run.context.tell.replaced(run.change)
    return {"text": "runs what was approved"}


RECORD = StepDef(facts.RECORD, "what runs now", 0.5, record)
PREFLIGHT = StepDef("preflight", "compose file, registry, platform, disk", 1.0, preflight)
PULL = StepDef("pull", "by digest", 0.52, pull)
SETTLE = StepDef("settle", "what runs is what was approved", 1.0, settle, undoes=True, cancellable=False)

PREPARING_STEPS = (RECORD, PREFLIGHT)
CHANGING_STEPS = (
    PULL,
    StepDef("tag", "the name in the compose file", 0.60, tag, undoes=True),
    StepDef("apply", "compose up", 0.82, apply, undoes=True),
    StepDef("verify", "containers run and are healthy", 0.90, verify, undoes=True),
    StepDef("prove", "settings, networks and mounts are kept", 0.95, prove, undoes=True),
    SETTLE,
)
STEPS = (*PREPARING_STEPS, *CHANGING_STEPS)

_UNDOING = frozenset({*(step.name for step in STEPS if step.undoes), ROLLBACK})


def has_begun(step: str | None) -> bool:
    """Whether a service that failed at this step is no longer as it was."""
    return step in _UNDOING

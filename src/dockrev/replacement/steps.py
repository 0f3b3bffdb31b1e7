"""The table of the steps of a replacement. Each step is safe to repeat after an interruption.

A new step is one row of the table and one function. The function returns what the journal keeps: `text` is
for people, and the rest is for later steps. It raises AppError to fail the service.
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
    """The project and the running containers. They are read once for the preparing steps of all services."""

    def __init__(self, view: ProjectView | AppError) -> None:
        self._view = view
        self._running: Sequence[ContainerDetail] | None = None

    @property
    def view(self) -> ProjectView:
        """Raises AppError when the project could not be read."""
        if isinstance(self._view, AppError):
            raise self._view
        return self._view

    async def running(self, run: ServiceRun) -> Sequence[ContainerDetail]:
        if self._running is None:
            self._running = await running_containers(run.context.host)
        return self._running


@dataclass(frozen=True, slots=True)
class StepDef:
    """`text` says what the step does, for people.

    `share`: how much of its phase is done after the step, from 0 to 1. `run` does the work. `undoes`: once
    this step has begun, the service may have changed, so a failure causes a rollback. `cancellable`: a
    cancelled job does not begin this step.
    """

    name: str
    text: str
    share: float
    run: Callable[[ServiceRun, Preparation], Awaitable[Facts]]
    undoes: bool = False
    cancellable: bool = True


async def run_step(run: ServiceRun, step: StepDef, preparation: Preparation) -> None:
    """Skips a step that the journal has. Raises StepFailed, or StorageError from the journal."""
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
    """Records the previous state. Returns nothing when the service does not run; it then stays stopped."""
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
            frozenset(each.name for each in replacement.changes if each.digest == change.digest),
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
    for service in (each for each in services if each.name == run.change.name):
        for first in init_services(service, services):
            await run.context.tell.line(
                f"{project}/{first} has to complete before {service.name} and uses the same image. An update"
                f" does not run it again. To run it: docker compose up {first}",
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
    """Moves the image name, so that a later `docker compose up -d` by hand uses the same image."""
    ref, image = run.change.ref, run.new_image
    await run.context.host.images.tag(image, ref.repository, ref.tag or "")
    return {"text": f"{run.change.image_ref} is image {short_id(image)} here{run.namesakes}"}


async def apply(run: ServiceRun, _: Preparation) -> Facts:
    project, change = ComposeProject(run.context.host, run.context.replacement.project), run.change
    view = await project.render(run.previous.files)
    digests = [service.digest for service in view.config.services if service.name == change.name]
    if not digests:
        raise Conflict(f"the project has no service {change.name} any more")
    if change.config_digest and digests != [change.config_digest]:
        raise Conflict("the compose file was changed during the update")
    await run.containers.up(run.previous)
    return {"text": "Compose has recreated the containers"}


async def verify(run: ServiceRun, _: Preparation) -> Facts:
    if run.new_image == run.previous.image and await run.containers.untouched(run.previous):
        return {"text": "the same containers still run"}
    dependents = {
        name: run.new_image if dependent.uses(run.change.ref) else dependent.image
        for name, dependent in run.previous.dependents.items()
    }
    waiting = wait_for_service(run, run.new_image, dependents, must_be_healthy=True)
    return {"text": await or_cancelled(run.context.cancelled, waiting)}


async def wait_for_service(
    run: ServiceRun, image: str, dependents: dict[str, str], *, must_be_healthy: bool
) -> str:
    """Waits for the service and its dependents. Returns why the service counts as healthy.

    `dependents`: the image id that each dependent has to run, by name. Raises Conflict with the reason when
    the service or a dependent does not work.
    """
    previous, project = run.previous, run.context.replacement.project
    own = ExpectedContainers(project, run.change.name, image, previous.replicas, must_be_healthy)
    text = await _wait(run, own)
    for name, dependent in previous.dependents.items():
        expected = ExpectedContainers(
            project, name, dependents[name], dependent.replicas, must_be_healthy=dependent.healthy
        )
        try:
            await _wait(run, expected)
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
            f"the new container lost settings, and nothing explains why: {'; '.join(map(str, lost))}"
        )
    return {"text": "no setting was lost"}


async def settle(run: ServiceRun, _: Preparation) -> Facts:
    await run.context.tell.replaced(run.change)
    return {"text": "the approved image runs"}


RECORD = StepDef(facts.RECORD, "reading what runs now", 0.5, record)
PREFLIGHT = StepDef("preflight", "checking compose file, registry, platform and disk", 1.0, preflight)
PULL = StepDef("pull", "pulling the image by its digest", 0.52, pull)
SETTLE = StepDef("settle", "reading what runs afterwards", 1.0, settle, undoes=True, cancellable=False)

PREPARING_STEPS = (RECORD, PREFLIGHT)
CHANGING_STEPS = (
    PULL,
    StepDef("tag", "giving the image the name in the compose file", 0.60, tag, undoes=True),
    StepDef("apply", "running compose up", 0.82, apply, undoes=True),
    StepDef("verify", "waiting until the containers are healthy", 0.90, verify, undoes=True),
    StepDef("prove", "comparing settings, networks and mounts", 0.95, prove, undoes=True),
    SETTLE,
)
STEPS = (*PREPARING_STEPS, *CHANGING_STEPS)

_UNDOING = frozenset({*(step.name for step in STEPS if step.undoes), ROLLBACK})


def has_begun(step: str | None) -> bool:
    """Whether a service that failed at this step may have changed."""
    return step in _UNDOING

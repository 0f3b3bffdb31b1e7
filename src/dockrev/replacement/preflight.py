"""Checks whether a service may be changed now. The checks look at the real host and change nothing.

CHECKS lists them. Each check is a function that returns the first Blocker that it finds, or None.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from dockrev.blockers import Blocker
from dockrev.compose.models import ComposeService, ProjectView
from dockrev.docker.inspect import ContainerDetail
from dockrev.docker.self_service import OwnService
from dockrev.docker.snapshot import ContainerState
from dockrev.errors import DockerNotFound
from dockrev.hosts.host import Host
from dockrev.replacement.order import dependents_of
from dockrev.replacement.plan import ServiceChange
from dockrev.replacement.shell_inputs import edited_since, missing_inputs
from dockrev.replacement.state import PreviousState, is_up

_WRITE_THEM = "write them into the project's .env file, or update by hand"


@dataclass(frozen=True, slots=True)
class PreflightInput:
    """`recreated` holds the containers of the service and of its dependents, by service name."""

    host: Host
    project: str
    change: ServiceChange
    approved: frozenset[str]
    """The services that get the same image in this replacement."""
    previous: PreviousState
    view: ProjectView
    recreated: Mapping[str, Sequence[ContainerDetail]]
    running: Sequence[ContainerDetail]
    """Every running container of the host."""
    own: OwnService

    def service(self, name: str) -> ComposeService | None:
        return next((service for service in self.view.config.services if service.name == name), None)


async def running_containers(host: Host) -> tuple[ContainerDetail, ...]:
    """Inspects every running container of the host. Call it once for all services of a replacement."""

    async def inspected(container_id: str) -> ContainerDetail | None:
        with suppress(DockerNotFound):  # it was removed after it was listed
            return await host.containers.inspect(container_id)
        return None

    listed = await host.containers.running()
    details = await asyncio.gather(*(inspected(container.id) for container in listed))
    return tuple(container for container in details if container is not None)


async def first_blocker(inputs: PreflightInput) -> Blocker | None:
    for check in CHECKS:
        if blocker := await check(inputs):
            return blocker
    return None


async def files_are_as_approved(inputs: PreflightInput) -> Blocker | None:
    change, service = inputs.change, inputs.service(inputs.change.name)
    if service is None:
        return Blocker("not_in_project", f"the project has no service {change.name} any more")
    if service.image != change.image_ref:
        text = f"the compose file names {service.image} now, not {change.image_ref}"
        return Blocker("image_ref_changed", text, "check again")
    if change.config_digest and service.digest != change.config_digest:
        text = "the compose file was changed since it was last read"
        return Blocker("compose_file_changed", text, "look at it and check again")
    return None


async def dependents_are_in_the_project(inputs: PreflightInput) -> Blocker | None:
    for name in inputs.previous.dependents:
        if inputs.service(name) is None:
            return Blocker("not_in_project", f"the project has no service {name} any more")
    return None


async def dependents_can_be_recreated(inputs: PreflightInput) -> Blocker | None:
    """The owners of their namespaces have to run. No dependent may be Dockrev or get an unapproved image."""
    project, name, previous = inputs.project, inputs.change.name, inputs.previous
    for service in inputs.view.config.services:
        dependent = previous.dependents.get(service.name)
        if dependent is None:
            continue
        if stopped := _stopped_owners(inputs, service):
            return Blocker(
                "namespace_owner_stopped",
                f"{service.name} has to be recreated with {name}, but it shares a namespace of {stopped[0]},"
                " which does not run",
                f"start {stopped[0]} or stop {service.name}",
            )
        if inputs.own.is_service(project, service.name, service.image):
            text = (
                f"{service.name} is Dockrev itself. Compose would recreate it together with {name}, and that"
                " would end this update"
            )
            return Blocker("recreates_dockrev", text, "update this service by hand")
        if dependent.uses(inputs.change.ref) and service.name not in inputs.approved:
            text = (
                f"{service.name} has to be recreated with {name} and uses the same image name, so it would"
                " get the new image too"
            )
            return Blocker("same_image_name", text, "update them together")
    return None


def _stopped_owners(inputs: PreflightInput, dependent: ComposeService) -> list[str]:
    """The stopped owners. A container in their namespace keeps running, but it could not start again."""
    recreated = dependents_of(inputs.change.name, inputs.view.config.services)
    return sorted((dependent.namespace_owners & set(recreated)) - inputs.previous.dependents.keys())


async def dependents_keep_their_images(inputs: PreflightInput) -> Blocker | None:
    """No dependent may start on an image that nobody approved."""
    for name in inputs.previous.dependents:
        for container in inputs.recreated[name]:
            if await inputs.host.images.find_id(container.image) not in (None, container.image_id):
                text = (
                    f"{name} has to be recreated with {inputs.change.name}, but {container.image} now names"
                    f" another image on this host than the one that {name} runs"
                )
                return Blocker("dependent_out_of_date", text, "bring it up to date first (docker compose up)")
    return None


async def nothing_is_paused(inputs: PreflightInput) -> Blocker | None:
    """Compose and a rollback would start the new container, so a paused service would run."""
    for container in chain.from_iterable(inputs.recreated.values()):
        if container.state is ContainerState.PAUSED:
            text = f"{container.name} is paused, and the update would start it"
            return Blocker("container_paused", text, "unpause it first")
    return None


async def no_namespace_is_cut_off(inputs: PreflightInput) -> Blocker | None:
    """Compose does not recreate a container that names a container, and not a service, as namespace owner."""
    recreated = chain.from_iterable(inputs.recreated.values())
    owners = {key for container in recreated for key in (container.id, container.name)}
    for container in inputs.running:
        if container.namespace_owners.isdisjoint(owners):
            continue
        same_project = container.project == inputs.project and not container.oneoff
        if not same_project or container.service not in inputs.recreated:
            text = (
                f"{container.name} shares a namespace of a container that the update recreates. It would lose"
                f" that namespace, because Compose does not recreate it with {inputs.change.name}"
            )
            remedy = "stop it first, and recreate it afterwards (docker compose up --force-recreate)"
            return Blocker("namespace_cut_off", text, remedy)
    return None


async def networks_are_in_the_files(inputs: PreflightInput) -> Blocker | None:
    """A container would lose a network that somebody connected by hand. No rollback would restore it."""
    for service, container in _with_services(inputs):
        foreign = sorted(container.networks - (service.networks or container.networks))
        if foreign:
            text = (
                f"{container.name} is in a network that the compose file does not name"
                f" ({', '.join(foreign)}), and the new container would not be in it"
            )
            return Blocker("network_not_in_files", text, "add it to the file, or disconnect it")
    return None


async def files_of_secrets_are_set(inputs: PreflightInput) -> Blocker | None:
    for name in inputs.recreated:
        service = inputs.service(name)
        if service and (unset := sorted(service.file_variables & inputs.view.config.unset_variables)):
            text = (
                f"secrets or configs of {name} come from variables that are not set here ({', '.join(unset)})"
            )
            return Blocker("variables_not_set", text, _WRITE_THEM)
    return None


async def inputs_are_in_the_files(inputs: PreflightInput) -> Blocker | None:
    """Settings that only the shell of an earlier Compose call had would be lost, even in a rollback."""
    for service, container in _with_services(inputs):
        if not is_up([container]) or edited_since(container, inputs.view.config.changed_at):
            continue
        image = await inputs.host.images.inspect(container.image_id)
        if missing := missing_inputs(service, container, image):
            text = (
                f"{container.name} has settings that Compose would not give to a new container"
                f" ({', '.join(missing)}), and no file of the project is newer than the container. Maybe they"
                " were set in a shell, or ~ and $HOME had other values there (write such paths in full)"
            )
            return Blocker("inputs_not_in_files", text, _WRITE_THEM)
    return None


def _with_services(inputs: PreflightInput) -> Iterable[tuple[ComposeService, ContainerDetail]]:
    for name, containers in inputs.recreated.items():
        if service := inputs.service(name):
            for container in containers:
                yield service, container


CHECKS: Sequence[Callable[[PreflightInput], Awaitable[Blocker | None]]] = (
    files_are_as_approved,
    dependents_are_in_the_project,
    dependents_can_be_recreated,
    dependents_keep_their_images,
    nothing_is_paused,
    no_namespace_is_cut_off,
    networks_are_in_the_files,
    files_of_secrets_are_set,
    inputs_are_in_the_files,
)

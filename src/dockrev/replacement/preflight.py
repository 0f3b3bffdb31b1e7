"""May this service be changed now? Every check looks at the real host, and nothing is changed.

A check is one function of the list below. It returns the first Blocker that it finds, or None.
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
    """`recreated` holds the containers of the service and of its dependents, by service."""

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
        return next((one for one in self.view.config.services if one.name == name), None)


async def running_containers(host: Host) -> tuple[ContainerDetail, ...]:
    """All of the host in detail. To be asked once for all services of a replacement."""

    async def inspected(container_id: str) -> ContainerDetail | None:
        with suppress(DockerNotFound):  # it was removed after it was listed
            return await host.containers.inspect(container_id)
        return None

    listed = await host.containers.running()
    details = await asyncio.gather(*(inspected(one.id) for one in listed))
    return tuple(one for one in details if one is not None)


async def first_blocker(given: PreflightInput) -> Blocker | None:
    for check in CHECKS:
        if blocker := await check(given):
            return blocker
    return None


async def files_are_as_approved(given: PreflightInput) -> Blocker | None:
    change, service = given.change, given.service(given.change.name)
    if service is None:
        return Blocker("not_in_project", f"the project has no service {change.name} any more")
    if service.image != change.image_ref:
        text = f"the compose file names {service.image} now, not {change.image_ref}"
        return Blocker("image_ref_changed", text, "check again")
    if change.config_digest and service.digest != change.config_digest:
        text = "the compose file was changed since it was last read"
        return Blocker("compose_file_changed", text, "look at it and check again")
    return None


async def dependents_are_in_the_project(given: PreflightInput) -> Blocker | None:
    for name in given.previous.dependents:
        if given.service(name) is None:
            return Blocker("not_in_project", f"the project has no service {name} any more")
    return None


async def dependents_can_be_recreated(given: PreflightInput) -> Blocker | None:
    """Their owners have to run, and none of them may be Dockrev itself or change its image unasked."""
    project, name, previous = given.project, given.change.name, given.previous
    for service in given.view.config.services:
        dependent = previous.dependents.get(service.name)
        if dependent is None:
            continue
        if stopped := _stopped_owners(given, service):
            return Blocker(
                "namespace_owner_stopped",
                f"{service.name} has to be recreated with {name}, and cannot be while {stopped[0]}, whose"
                " namespace it shares, does not run",
                f"start {stopped[0]} or stop {service.name}",
            )
        if given.own.is_service(project, service.name, service.image):
            text = (
                f"{service.name} is Dockrev itself and would be recreated with {name}: that ends this update"
            )
            return Blocker("recreates_dockrev", text, "update this service by hand")
        if dependent.uses(given.change.ref) and service.name not in given.approved:
            text = (
                f"{service.name} is recreated with {name} and has the same image name, so both change at once"
            )
            return Blocker("same_image_name", text, "update them together")
    return None


def _stopped_owners(given: PreflightInput, dependent: ComposeService) -> list[str]:
    """A container in the namespace of a stopped one runs on, but it could not be started again."""
    recreated = dependents_of(given.change.name, given.view.config.services)
    return sorted((dependent.namespace_owners & set(recreated)) - given.previous.dependents.keys())


async def dependents_keep_their_images(given: PreflightInput) -> Blocker | None:
    """None of them may start on an image that nobody approved."""
    for name in given.previous.dependents:
        for one in given.recreated[name]:
            if await given.host.images.find_id(one.image) not in (None, one.image_id):
                text = (
                    f"{name} has to be recreated with {given.change.name}, but {one.image} names another"
                    " image here than the one it runs"
                )
                return Blocker("dependent_out_of_date", text, "bring it up to date first (docker compose up)")
    return None


async def nothing_is_paused(given: PreflightInput) -> Blocker | None:
    """Compose would start the new container, and so would a rollback."""
    for one in chain.from_iterable(given.recreated.values()):
        if one.state is ContainerState.PAUSED:
            text = f"{one.name} is paused, and would run afterwards"
            return Blocker("container_paused", text, "unpause it first")
    return None


async def no_namespace_is_cut_off(given: PreflightInput) -> Blocker | None:
    """Compose leaves a container alone that names a container, and not a service, for its namespace."""
    owners = {key for one in chain.from_iterable(given.recreated.values()) for key in (one.id, one.name)}
    for one in given.running:
        if one.namespace_owners.isdisjoint(owners):
            continue
        if one.oneoff or one.project != given.project or one.service not in given.recreated:
            text = (
                f"{one.name} shares a namespace of a container that would be recreated, and would lose it,"
                f" because Compose does not recreate it with {given.change.name}"
            )
            remedy = "stop it first, and recreate it afterwards (docker compose up --force-recreate)"
            return Blocker("namespace_cut_off", text, remedy)
    return None


async def networks_are_in_the_files(given: PreflightInput) -> Blocker | None:
    """A network that somebody joined by hand would be lost, and no rollback would bring it back."""
    for service, one in _with_services(given):
        foreign = sorted(one.networks - (service.networks or one.networks))
        if foreign:
            text = (
                f"{one.name} is in a network that the compose file does not name ({', '.join(foreign)}) and"
                " would not be in it afterwards"
            )
            return Blocker("network_not_in_files", text, "add it to the file, or disconnect it")
    return None


async def files_of_secrets_are_set(given: PreflightInput) -> Blocker | None:
    for name in given.recreated:
        service = given.service(name)
        if service and (unset := sorted(service.file_variables & given.view.config.unset_variables)):
            text = (
                f"secrets or configs of {name} come from variables that nothing sets here"
                f" ({', '.join(unset)})"
            )
            return Blocker("variables_not_set", text, _WRITE_THEM)
    return None


async def inputs_are_in_the_files(given: PreflightInput) -> Blocker | None:
    """No rollback would bring back what only the shell had in which somebody called Compose."""
    for service, one in _with_services(given):
        if not is_up([one]) or edited_since(one, given.view.config.changed_at):
            continue
        image = await given.host.images.inspect(one.image_id)
        if missing := missing_inputs(service, one, image):
            text = (
                f"{one.name} has what Compose would not give it from here ({', '.join(missing)}), and no file"
                " of the project seems to be newer: maybe they were set in a shell, or ~ and $HOME were"
                " another there (write such paths in full)"
            )
            return Blocker("inputs_not_in_files", text, _WRITE_THEM)
    return None


def _with_services(given: PreflightInput) -> Iterable[tuple[ComposeService, ContainerDetail]]:
    for name, containers in given.recreated.items():
        if service := given.service(name):
            for one in containers:
                yield service, one


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

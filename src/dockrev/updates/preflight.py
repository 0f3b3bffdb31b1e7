"""May this service be updated now? Looked at for real, and nothing is changed."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain

from dockrev.compose.models import ComposeService, ProjectView
from dockrev.docker.disk import free_bytes
from dockrev.docker.inspect import ContainerDetail
from dockrev.docker.snapshot import ContainerState
from dockrev.errors import Conflict, DockerNotFound, InvalidArgument
from dockrev.oci.manifest import ImageManifest, Index
from dockrev.projects.project import ComposeProject
from dockrev.replacement.order import dependents_of, init_services
from dockrev.replacement.shell_inputs import edited_since, missing_inputs
from dockrev.updates.applying import Applying
from dockrev.updates.collaborators import Tools
from dockrev.updates.models import ServicePlan, StackPlan
from dockrev.updates.record import Before, is_up
from dockrev.updates.retrying import patiently

_WRITE_THEM = "write them into the project's .env file, or update by hand"
_DISK_FACTOR = 3
"""Unpacked, an image takes about this many times what is downloaded."""

Containers = Mapping[str, Sequence[ContainerDetail]]
"""By the name of their service."""


class Preflight:
    def __init__(
        self,
        tools: Tools,
        applying: Applying,
        stack: StackPlan,
        plan: ServicePlan,
        tell: Callable[[str], Awaitable[None]],
        warn: Callable[[str], Awaitable[None]],
    ) -> None:
        self._tools = tools
        self._applying = applying
        self._stack = stack
        self._plan = plan
        self._tell = tell
        self._warn = warn

    async def download_bytes(self, before: Before, *, allow_arch_mismatch: bool) -> int:
        """How much there is to download. Raises AppError with the reason when the update may not be made."""
        view = await ComposeProject(self._tools.host, self._stack.project).read()
        service = own_service(self._plan.name, view)
        self._require_known_files(service)
        await self._require_company_may_go(view, before)
        names = (service.name, *sorted(before.sharing))
        made_anew = {name: await self._applying.containers_of(name) for name in names}
        await self._require_same_images({name: made_anew[name] for name in before.sharing})
        self._require_none_paused(made_anew)
        await self._require_nobody_cut_off(made_anew)
        for name, containers in made_anew.items():
            one = own_service(name, view)
            self._require_own_networks(one, containers)
            await self._require_all_is_given_here(one, containers, view)
        for first in init_services(service, view.config.services):
            await self._warn(
                f"{self._stack.project}/{first} has to complete before {service.name} and comes from the same"
                f" image; an update does not run it again: docker compose up {first}"
            )
        size = await patiently(
            lambda: self._offered_bytes(allow_arch_mismatch), self._tools.retries, self._tell
        )
        await self._require_space(size)
        return size

    def _require_known_files(self, service: ComposeService) -> None:
        if service.image != self._plan.image_ref:
            raise Conflict(
                f"the compose file names {service.image} now, not {self._plan.image_ref}; check again"
            )
        if self._plan.config_digest and service.digest != self._plan.config_digest:
            raise Conflict("the compose file was changed since it was last read; look at it and check again")

    async def _require_company_may_go(self, view: ProjectView, before: Before) -> None:
        """Made anew with it, Dockrev would end its own work, and another service could change its image."""
        own, approved = await self._tools.host.own_service(), self._approved()
        for one in view.config.services:
            companion = before.sharing.get(one.name)
            if companion is None:
                continue
            self._require_owners_run(one, view, before)
            if own.is_service(self._stack.project, one.name, one.image):
                raise Conflict(
                    f"{one.name} is Dockrev itself and is made anew with {self._plan.name}, so it would"
                    " end its own work; update this service by hand"
                )
            if companion.is_named(self._plan.ref) and one.name not in approved:
                raise Conflict(
                    f"{one.name} is made anew with {self._plan.name} and runs from the same image name,"
                    " so both change at once; update them together"
                )

    async def _require_same_images(self, sharing: Containers) -> None:
        """None of them may come up on an image that nobody approved."""
        for name, containers in sharing.items():
            for one in containers:
                if await self._tools.host.images.find_id(one.image) not in (None, one.image_id):
                    raise Conflict(
                        f"{name} has to be made anew with {self._plan.name}, but {one.image} names another"
                        " image here than the one it runs; bring it up to date first (docker compose up)"
                    )

    def _require_none_paused(self, made_anew: Containers) -> None:
        """Compose would make it anew running, and so would a way back."""
        for one in chain.from_iterable(made_anew.values()):
            if one.state is ContainerState.PAUSED:
                raise Conflict(f"{one.name} is paused, and would run afterwards; unpause it first")

    def _require_owners_run(self, companion: ComposeService, view: ProjectView, before: Before) -> None:
        """What lives in the namespace of a stopped container runs on, but could not be started again."""
        made_anew = dependents_of(self._plan.name, view.config.services)
        stopped = sorted((companion.namespace_owners & set(made_anew)) - before.sharing.keys())
        if stopped:
            raise Conflict(
                f"{companion.name} has to be made anew with {self._plan.name}, and cannot be while"
                f" {stopped[0]}, in whose namespace it lives, does not run; start {stopped[0]} or stop"
                f" {companion.name}"
            )

    def _require_own_networks(self, service: ComposeService, containers: Iterable[ContainerDetail]) -> None:
        """One that was joined by hand would be lost, and no way back would bring it again."""
        for one in containers:
            foreign = sorted(one.networks - (service.networks or one.networks))
            if foreign:
                raise Conflict(
                    f"{one.name} is in a network that the compose file does not name ({', '.join(foreign)})"
                    " and would not be in it afterwards; add it to the file, or disconnect it"
                )

    async def _require_nobody_cut_off(self, made_anew: Containers) -> None:
        """Who names a service as its namespace is made anew with it; who names a container is not."""
        owners = list(chain.from_iterable(made_anew.values()))
        riders = await self._tools.host.containers.in_namespaces_of(
            {key for one in owners for key in (one.id, one.name)}
        )
        for one in riders:
            if one.oneoff or one.project != self._stack.project or one.service not in made_anew:
                raise Conflict(
                    f"{one.name} lives in a namespace of a container that would be made anew, and would be"
                    f" cut off, since Compose does not make it anew with {self._plan.name};"
                    " stop it first, and make it anew afterwards (docker compose up --force-recreate)"
                )

    async def _require_all_is_given_here(
        self, service: ComposeService, containers: Iterable[ContainerDetail], view: ProjectView
    ) -> None:
        """No way back would bring what only the shell knew that Compose was called from."""
        if unset := sorted(service.file_variables & view.config.unset_variables):
            raise Conflict(
                f"secrets or configs of {service.name} come from variables that nothing sets here"
                f" ({', '.join(unset)}); {_WRITE_THEM}"
            )
        for one in containers:
            if not is_up([one]) or edited_since(one, view.config.changed_at):
                continue
            image = await self._tools.host.images.inspect(one.image_id)
            if lost := missing_inputs(service, one, image):
                raise Conflict(
                    f"{one.name} has what Compose would not give it from here ({', '.join(lost)}), and no"
                    " file of the project seems to be newer: maybe they were set in a shell, or ~ and $HOME"
                    f" were another there (write such paths in full); {_WRITE_THEM}"
                )

    def _approved(self) -> Collection[str]:
        """The services that get the same image in this update."""
        return [one.name for one in self._stack.services if one.digest == self._plan.digest]

    async def _offered_bytes(self, allow_arch_mismatch: bool) -> int:
        """0 when the content is here already; the registry is not asked then."""
        content = self._plan.content
        try:
            await self._tools.host.images.inspect(f"{content}")
        except DockerNotFound:
            manifest = await self._tools.registry.manifest(content)
        else:
            return 0
        if isinstance(manifest, ImageManifest):
            return manifest.download_bytes
        host = await self._tools.host.platform()
        child = manifest.digest_for(host)
        if child is None and not allow_arch_mismatch:
            raise InvalidArgument(f"the image is not offered for {host}")
        if child is None:
            return 0
        found = await self._tools.registry.manifest(content.at(child))
        return 0 if isinstance(found, Index) else found.download_bytes

    async def _require_space(self, size: int) -> None:
        needed, free = size * _DISK_FACTOR, await free_bytes(self._tools.host.engine)
        if free is not None and free < needed:
            raise Conflict(f"{free // 10**6} MB are free, about {needed // 10**6} MB are needed")


def own_service(name: str, view: ProjectView) -> ComposeService:
    """Raises Conflict when the project has it no more."""
    for one in view.config.services:
        if one.name == name:
            return one
    raise Conflict(f"the project has no service {name} any more")

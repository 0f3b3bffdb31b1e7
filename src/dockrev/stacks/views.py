"""Stacks as readers see them: the record, and what follows from registry facts, versions and ignore rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dockrev.blockers import Blocker
from dockrev.clock import Clock
from dockrev.docker.self_service import OwnService
from dockrev.errors import NotFound
from dockrev.hosts.directory import HostDirectory
from dockrev.hosts.local import LOCAL
from dockrev.ignores.models import IgnoreMatch, IgnoreRule
from dockrev.ignores.store import IgnoreStore
from dockrev.images.store import ImageStore
from dockrev.oci.platform import Platform
from dockrev.stacks.displayed_version import DisplayedVersion, ignored_by, service_image, version_of
from dockrev.stacks.models import Service, Stack
from dockrev.stacks.store import StackStore
from dockrev.stacks.updatable import blockers_of
from dockrev.stacks.update_state import RegistryFacts, UpdateState, evaluate
from dockrev.versions.models import Lookup, VersionKnowledge
from dockrev.versions.service_image import ServiceImage
from dockrev.versions.store import VersionStore


@dataclass(frozen=True, slots=True)
class ServiceView:
    service: Service
    state: UpdateState
    version: DisplayedVersion
    ignored_by: IgnoreMatch | None = None
    blockers: tuple[Blocker, ...] = ()

    @property
    def counts_as_update(self) -> bool:
        return self.state.counts_as_update and self.ignored_by is None


@dataclass(frozen=True, slots=True)
class StackView:
    """`platform`: the platform of the stack's host."""

    stack: Stack
    services: tuple[ServiceView, ...]
    platform: Platform

    @property
    def updates(self) -> int:
        return sum(service.counts_as_update for service in self.services)

    @property
    def lookups(self) -> tuple[Lookup, ...]:
        """The lookups that the services of the stack need."""
        return tuple(lookup for service in self.services for lookup in service.version.lookups)


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a view is made from, except the stack itself.

    `rules`: by the id of their service. `own` is None for a host that is not configured.
    """

    images: RegistryFacts
    platform: Platform
    versions: VersionKnowledge
    rules: Mapping[str, Sequence[IgnoreRule]]
    now: datetime
    own: OwnService | None


class StackViews:
    """`revision` grows with every write that may change a view."""

    def __init__(
        self,
        stacks: StackStore,
        images: ImageStore,
        versions: VersionStore,
        ignores: IgnoreStore,
        hosts: HostDirectory,
        clock: Clock,
    ) -> None:
        self._stacks = stacks
        self._images = images
        self._versions = versions
        self._ignores = ignores
        self._hosts = hosts
        self._clock = clock

    @property
    def revision(self) -> int:
        stores = (self._stacks, self._images, self._versions, self._ignores)
        return sum(store.revision for store in stores)

    async def knowledge(self, stacks: Iterable[Stack]) -> RegistryFacts:
        """The registry facts that `evaluate` needs for these stacks."""
        tags = await self._images.tags()
        digests = {state.digest for state in tags.values() if state.digest}
        for stack in stacks:
            for service in stack.services:
                digests |= service.runtime.digests
        return RegistryFacts(tags, await self._images.facts(digests))

    async def all(self) -> list[StackView]:
        return await self.of(await self._stacks.all())

    async def stack(self, stack_id: str) -> StackView:
        return (await self.of([await self._stacks.get(stack_id)]))[0]

    async def service(self, stack_id: str, service_id: str) -> ServiceView | None:
        """Returns None when the service or its stack is not in the database any more."""
        try:
            stack = await self.stack(stack_id)
        except NotFound:
            return None
        return next((view for view in stack.services if view.service.id == service_id), None)

    async def service_images(self) -> list[ServiceImage]:
        """The images of all services with a valid image reference. Reads no versions and no rules."""
        stacks = await self._stacks.all()
        facts, platforms = await self.knowledge(stacks), await self.platforms(stacks)
        return [image for stack in stacks for image in _images_of(stack, facts, platforms[stack.host_id])]

    @property
    def images_revision(self) -> int:
        """Grows with every write that may change the result of `service_images`."""
        return self._stacks.revision + self._images.revision

    async def platforms(self, stacks: Iterable[Stack]) -> Mapping[str, Platform]:
        """The platforms of the hosts of these stacks, by the id of the host.

        Without any stack, it is the platform of the local host.
        """
        host_ids = {stack.host_id for stack in stacks} or {LOCAL}
        return {host_id: await self._hosts.platform(host_id) for host_id in host_ids}

    async def of(self, stacks: Sequence[Stack]) -> list[StackView]:
        images, rules = await self.knowledge(stacks), await self._ignores.by_service()
        contexts = {}
        for host_id, platform in (await self.platforms(stacks)).items():
            own_stacks = [stack for stack in stacks if stack.host_id == host_id]
            contexts[host_id] = Context(
                images=images,
                platform=platform,
                versions=await self._versions_of(own_stacks, images, platform),
                rules=rules,
                now=self._clock.now(),
                own=await self._hosts.likely_own_service(host_id),
            )
        return [view_of(stack, contexts[stack.host_id]) for stack in stacks]

    async def _versions_of(
        self, stacks: Iterable[Stack], facts: RegistryFacts, platform: Platform
    ) -> VersionKnowledge:
        images = (image for stack in stacks for image in _images_of(stack, facts, platform))
        return await self._versions.known(
            (image.ref.repository, digest) for image in images if image.checked for digest in image.digests
        )


def _images_of(stack: Stack, facts: RegistryFacts, platform: Platform) -> Iterator[ServiceImage]:
    for service in stack.services:
        if image := service_image(service, evaluate(service, facts, platform), platform):
            yield image


def view_of(stack: Stack, context: Context) -> StackView:
    services = tuple(_service_view(stack, service, context) for service in stack.services)
    return StackView(stack, services, context.platform)


def _service_view(stack: Stack, service: Service, context: Context) -> ServiceView:
    state = evaluate(service, context.images, context.platform)
    version = version_of(service, state, context.platform, context.versions, context.now)
    match = ignored_by(state, version, context.rules.get(service.id, ()))
    blockers = blockers_of(stack, service, state, match, context.own)
    return ServiceView(service, state, version, match, blockers)

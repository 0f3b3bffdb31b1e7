"""A stack as readers see it: its record, and what follows from registry facts, versions and ignore rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dockrev.blockers import Blocker
from dockrev.clock import Clock
from dockrev.docker.self_service import OwnService
from dockrev.errors import NotFound
from dockrev.hosts.host import Host
from dockrev.ignores.models import IgnoreMatch, IgnoreRule
from dockrev.ignores.store import IgnoreStore
from dockrev.images.store import ImageStore
from dockrev.stacks.displayed_version import DisplayedVersion, ignored_by, subject_of, version_of
from dockrev.stacks.models import Service, Stack
from dockrev.stacks.store import StackStore
from dockrev.stacks.updatable import blockers_of
from dockrev.stacks.update_state import RegistryFacts, UpdateState, evaluate
from dockrev.versions.models import VersionKnowledge
from dockrev.versions.state import Need
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
    stack: Stack
    services: tuple[ServiceView, ...]

    @property
    def updates(self) -> int:
        return sum(one.counts_as_update for one in self.services)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What has to be looked up so that every version of the stack is known."""
        return tuple(need for one in self.services for need in one.version.needs)


@dataclass(frozen=True, slots=True)
class Context:
    """What a view rests on, apart from the stack itself. `rules`: by the id of their service."""

    images: RegistryFacts
    versions: VersionKnowledge
    rules: Mapping[str, Sequence[IgnoreRule]]
    now: datetime
    own: OwnService


class StackViews:
    """`revision` grows with every write that may change a view."""

    def __init__(
        self,
        stacks: StackStore,
        images: ImageStore,
        versions: VersionStore,
        ignores: IgnoreStore,
        host: Host,
        clock: Clock,
    ) -> None:
        self._stacks = stacks
        self._images = images
        self._versions = versions
        self._ignores = ignores
        self._host = host
        self._clock = clock

    @property
    def revision(self) -> int:
        stores = (self._stacks, self._images, self._versions, self._ignores)
        return sum(store.revision for store in stores)

    async def knowledge(self, stacks: Iterable[Stack]) -> RegistryFacts:
        """What `evaluate` needs for these stacks."""
        tags = await self._images.tags()
        digests = {state.digest for state in tags.values() if state.digest}
        for stack in stacks:
            for service in stack.services:
                digests |= service.runtime.digests
        return RegistryFacts(tags, await self._images.facts(digests), await self._host.platform())

    async def all(self) -> list[StackView]:
        return await self.of(await self._stacks.all())

    async def one(self, stack_id: str) -> StackView:
        return (await self.of([await self._stacks.get(stack_id)]))[0]

    async def service(self, stack_id: str, service_id: str) -> ServiceView | None:
        """None when the record has no such service any more."""
        try:
            stack = await self.one(stack_id)
        except NotFound:
            return None
        return next((one for one in stack.services if one.service.id == service_id), None)

    async def of(self, stacks: Sequence[Stack]) -> list[StackView]:
        images = await self.knowledge(stacks)
        subjects = (
            subject_of(service, evaluate(service, images)) for stack in stacks for service in stack.services
        )
        wanted = {
            (subject.repository, digest) for subject in subjects if subject for digest in subject.digests
        }
        versions = await self._versions.known(wanted, images.host)
        rules, own = await self._ignores.by_service(), await self._host.likely_own_service()
        return views_of(stacks, Context(images, versions, rules, self._clock.now(), own))


def views_of(stacks: Iterable[Stack], context: Context) -> list[StackView]:
    return [
        StackView(stack, tuple(_service_view(stack, service, context) for service in stack.services))
        for stack in stacks
    ]


def _service_view(stack: Stack, service: Service, context: Context) -> ServiceView:
    state = evaluate(service, context.images)
    version = version_of(service, state, context.versions, context.now)
    match = ignored_by(state, version, context.rules.get(service.id, ()))
    blockers = blockers_of(stack, service, state, match, context.own)
    return ServiceView(service, state, version, match, blockers)

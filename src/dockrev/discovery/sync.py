"""Brings the stored stacks of a host up to date with one scan, and writes only what has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dockrev.discovery.models import Action, ActionKind, ReadProject, UsableProject
from dockrev.discovery.runtime import runtime_of
from dockrev.docker.snapshot import HostSnapshot
from dockrev.projects.labels import ProjectContainers, UnusableProject
from dockrev.stacks.models import ObservedService, ObservedStack, Runtime, Stack
from dockrev.stacks.store import StackStore


@dataclass(frozen=True, slots=True)
class StackSync:
    """`stored`: the stacks of the host by name, as they were before this scan."""

    stacks: StackStore
    host_id: str
    stored: Mapping[str, Stack]
    snapshot: HostSnapshot

    async def project(self, project: ProjectContainers, read: ReadProject) -> Action:
        match read:
            case UsableProject():
                return await self._sync(read)
            case UnusableProject():
                return await self._update_runtime(project, read)

    async def set_missing(self, project: str) -> None:
        """Keeps the stack and records that nothing of it runs."""
        if stack := self.stored.get(project):
            await self._set_runtimes(stack, {})

    async def _sync(self, read: UsableProject) -> Action:
        name, kind = read.project, ActionKind.SKIPPED
        observed = replace(read.stack, host_id=self.host_id)
        stack = self.stored.get(name)
        if stack and as_observed(stack) == observed:
            stack_id = stack.id
        else:
            synced = await self.stacks.sync(observed)
            stack_id = synced.stack_id
            if synced.changed:
                kind = ActionKind.CREATED if synced.created else ActionKind.UPDATED
        return Action(name, kind, stack_id, read.warning, read.details)

    async def _update_runtime(self, project: ProjectContainers, read: UnusableProject) -> Action:
        """Keeps the stored services and updates only their runtime state."""
        stack = self.stored.get(project.name)
        if stack:
            replicas = project.services
            runtimes = {
                service.name: runtime_of(replicas.get(service.name, ()), service.image_ref, self.snapshot)
                for service in stack.services
                if not service.removed
            }
            await self._set_runtimes(stack, runtimes)
        stack_id = stack.id if stack else None
        return Action(project.name, ActionKind.FAILED, stack_id, read.reason, read.details)

    async def _set_runtimes(self, stack: Stack, runtimes: Mapping[str, Runtime]) -> None:
        nothing = Runtime()
        changed = any(service.runtime != runtimes.get(service.name, nothing) for service in stack.services)
        if changed or not stack.runtime_known:
            await self.stacks.set_runtime(stack.id, runtimes)


def as_observed(stack: Stack) -> ObservedStack | None:
    """The observation that would change nothing in the stack. None when every observation changes it."""
    if not stack.runtime_known:
        return None
    services = (
        ObservedService(
            name=service.name,
            image_ref=service.image_ref,
            builds=service.builds,
            watched=service.watched,
            runtime=service.runtime,
            config_digest=service.config_digest,
        )
        for service in stack.services
        if not service.removed
    )
    ordered = tuple(sorted(services, key=lambda service: service.name))
    return ObservedStack(stack.name, stack.compose_files, ordered, stack.host_id)

"""Puts stacks and registry knowledge side by side, for everyone who needs verdicts."""

from collections.abc import Iterable
from dataclasses import dataclass

from dockrev.docker.host import HostPlatform
from dockrev.images.store import ImageStore
from dockrev.stacks.candidates import Knowledge, Verdict, judge
from dockrev.stacks.models import Service, Stack
from dockrev.stacks.store import StackStore


@dataclass(frozen=True, slots=True)
class AppraisedService:
    service: Service
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class AppraisedStack:
    stack: Stack
    services: tuple[AppraisedService, ...]

    @property
    def updates(self) -> int:
        return sum(one.verdict.counts_as_update for one in self.services)


class Appraiser:
    """`revision` grows whenever an appraisal may turn out differently."""

    def __init__(self, stacks: StackStore, images: ImageStore, host: HostPlatform) -> None:
        self._stacks = stacks
        self._images = images
        self._host = host

    @property
    def revision(self) -> int:
        return self._stacks.revision + self._images.revision

    async def knowledge(self, stacks: Iterable[Stack]) -> Knowledge:
        """As much as it takes to judge these stacks."""
        tags = await self._images.tags()
        digests = {state.digest for state in tags.values() if state.digest}
        for stack in stacks:
            for service in stack.services:
                digests |= service.runtime.digests
        return Knowledge(tags, await self._images.facts(digests), await self._host.get())

    async def all(self) -> list[AppraisedStack]:
        stacks = await self._stacks.all()
        return appraise(stacks, await self.knowledge(stacks))

    async def one(self, stack_id: str) -> AppraisedStack:
        stack = await self._stacks.get(stack_id)
        return appraise([stack], await self.knowledge([stack]))[0]


def appraise(stacks: Iterable[Stack], knowledge: Knowledge) -> list[AppraisedStack]:
    return [
        AppraisedStack(stack, tuple(AppraisedService(one, judge(one, knowledge)) for one in stack.services))
        for stack in stacks
    ]

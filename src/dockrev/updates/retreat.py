"""Services of one stack that go back together: with one that failed, those that share something with it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from dockrev.errors import AppError, StorageError
from dockrev.updates.going_back import GoingBack, Undo
from dockrev.updates.models import ServiceOutcome
from dockrev.updates.one_service import ServiceUpdate
from dockrev.updates.together import Tie, tied_to


class Retreat:
    """`services`: those that have turned back, and those that were updated and may have to come along; what
    others depend on comes first. `undo`: None when data stays as it is.
    """

    def __init__(self, services: Sequence[ServiceUpdate], undo: Undo | None) -> None:
        self._services = services
        self._undo = undo
        self._ways: dict[str, GoingBack] = {}
        self._outcomes: dict[str, ServiceOutcome] = {}

    async def run(self) -> dict[str, ServiceOutcome]:
        """By service id. Raises StorageError only, and may be done again after any interruption."""
        await self._each(self._stand_still)
        await self._turn_others_back()
        for part in (self._stand_still, self._restore, self._run_again):
            await self._each(part)
        return self._outcomes

    async def _each(self, part: Callable[[ServiceUpdate], Awaitable[None]]) -> None:
        for one in self._services:
            if not one.turned_back or one.plan.service_id in self._outcomes:
                continue
            try:
                await part(one)
            except StorageError:
                raise
            except AppError as error:
                unrestored = self._undo.backup_id if self._undo and part == self._restore else None
                self._outcomes[one.plan.service_id] = await one.stranded(error, unrestored)

    async def _turn_others_back(self) -> None:
        going = [one for one in self._services if one.plan.service_id in self._ways]
        others = [one for one in self._services if not one.turned_back]
        ties = [self._tie(one) for one in going if one.plan.service_id not in self._outcomes]
        because = {one.service: one.because for one in tied_to(ties, [self._tie(one) for one in others])}
        for one in others:
            if one.plan.name in because:
                await one.turn_back(because[one.plan.name])

    def _tie(self, one: ServiceUpdate) -> Tie:
        """Data ties only where it is put back."""
        way = self._ways.get(one.plan.service_id)
        moves_data = way.moves_data if way else self._undo is not None
        return one.tie if moves_data else replace(one.tie, data=())

    async def _stand_still(self, one: ServiceUpdate) -> None:
        if one.plan.service_id not in self._ways:
            way = self._ways[one.plan.service_id] = await one.way_back(self._undo)
            await way.stand_still()

    async def _restore(self, one: ServiceUpdate) -> None:
        await self._ways[one.plan.service_id].restore()

    async def _run_again(self, one: ServiceUpdate) -> None:
        text = await self._ways[one.plan.service_id].run_again()
        self._outcomes[one.plan.service_id] = await one.gone_back(text)

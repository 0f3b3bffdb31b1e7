"""The way back of one service: the old image under its name, its data, its containers; proof that they run.

In three parts, since services that share data go back together: all of them stand still before the data of
the first comes back, and none starts before the last has its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from dockrev.docker.data import BackupTarget
from dockrev.errors import Conflict, UpstreamError
from dockrev.oci.ref import ImageRef
from dockrev.updates.applying import Applying
from dockrev.updates.collaborators import Tools
from dockrev.updates.record import Before
from dockrev.updates.retrying import engine_back
from dockrev.updates.store import Journal
from dockrev.updates.watching import Watching

Result = TypeVar("Result")

_RESTORED = "restored"
_PAUSES_SECONDS = (1.0, 3.0, 10.0)
"""An engine that is being stopped answers for a while, and fails at everything else."""


@dataclass(frozen=True, slots=True)
class Undo:
    """`put_back`: this data as it was saved before the update; says what it did."""

    backup_id: str
    put_back: Callable[[Collection[BackupTarget]], Awaitable[str]]


class GoingBack:
    """`undo`: None when the data stays as it is.

    Each part may be done again after any interruption, and waits for an engine that is away. Raises AppError
    when there is no way back.
    """

    def __init__(
        self,
        tools: Tools,
        applying: Applying,
        watching: Watching,
        before: Before,
        ref: ImageRef,
        journal: Journal,
        undo: Undo | None,
    ) -> None:
        self._tools = tools
        self._applying = applying
        self._watching = watching
        self._before = before
        self._ref = ref
        self._journal = journal
        self._undo = undo
        self._untouched = False

    @property
    def moves_data(self) -> bool:
        """Known once it stands still."""
        return self._undo is not None and not self._untouched

    async def stand_still(self) -> None:
        """The old image has its name again; nothing of the service runs if its data is to come back."""
        await self._persistently(self._stand_still)

    async def restore(self) -> None:
        await self._persistently(self._restore)

    async def run_again(self) -> str:
        """What became of it."""
        return await self._persistently(self._run_again)

    async def _persistently(self, work: Callable[[], Awaitable[Result]]) -> Result:
        for pause in _PAUSES_SECONDS:
            try:
                return await work()
            except UpstreamError as error:
                if error.permanent:
                    raise
            await asyncio.sleep(pause)
            await engine_back(self._tools)
        return await work()

    async def _stand_still(self) -> None:
        await self._name_it()
        self._untouched = await self._applying.untouched(self._before)
        if self.moves_data and not await self._restored():
            await self._applying.stop(self._before)

    async def _name_it(self) -> None:
        await self._tools.host.images.tag(self._before.image, self._ref.repository, self._ref.tag or "")

    async def _require_untouched(self) -> None:
        """It may have been stopped for data that it shares with one whose data could not come back."""
        if not await self._applying.untouched(self._before):
            raise Conflict("its containers were as before, and do not run any more")

    async def _restore(self) -> None:
        """Once: data that the old image wrote since then is not overwritten by a second attempt."""
        if self._undo is None or self._untouched or await self._restored():
            return
        await self._journal.write(_RESTORED, {"text": f", {await self._undo.put_back(self._before.data)}"})

    async def _restored(self) -> str:
        known = (await self._journal.read()).get(_RESTORED)
        return str(known["text"]) if known else ""

    async def _run_again(self) -> str:
        before, image = self._before, self._before.image[7:19]
        if self._untouched:
            await self._require_untouched()
            return f"image {image} was running all the time"
        await self._name_it()  # another that goes back may have had another image under this name
        await self._applying.up(before)
        reason = await self._watching.watch(before, before.image, must_be_sound=before.sound)
        await self._watching.watch_companions(before, await self._images_of_companions())
        return f"the old image {image} runs again ({reason}){await self._restored()}{await self._remarks()}"

    async def _images_of_companions(self) -> dict[str, str]:
        """What their names mean here: one that was updated itself since then stays so."""
        known = self._before.sharing.items()
        return {
            name: await self._tools.host.images.find_id(one.image_ref) or one.image for name, one in known
        }

    async def _remarks(self) -> str:
        """A compose file that was edited meanwhile counts from now on: only its owner can take that back."""
        if await self._applying.files_changed(self._before):
            return ", with the settings of the compose file as it is now"
        lost = await self._applying.lost(self._before)
        return f", but not as before: {'; '.join(map(str, lost))}" if lost else ""

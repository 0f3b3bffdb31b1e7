"""The way back: the old image under its name, its data, its containers; and proof that they run again."""

from collections.abc import Awaitable, Callable

from dockrev.errors import UpstreamError
from dockrev.oci.ref import ImageRef
from dockrev.updates.applying import Applying
from dockrev.updates.collaborators import Tools
from dockrev.updates.proof import compare, testimony
from dockrev.updates.record import Before
from dockrev.updates.retrying import engine_back
from dockrev.updates.store import Journal
from dockrev.updates.watching import watch

_RESTORED = "restored"
_ATTEMPTS = 3

Undo = Callable[[], Awaitable[str]]
"""Puts the data back that was saved before the update; says what it did."""


class GoingBack:
    """`undo`: None when the data stays as it is. May be done again after any interruption."""

    def __init__(
        self,
        tools: Tools,
        applying: Applying,
        before: Before,
        ref: ImageRef,
        journal: Journal,
        undo: Undo | None,
        tell: Callable[[str], None],
    ) -> None:
        self._tools = tools
        self._applying = applying
        self._before = before
        self._ref = ref
        self._journal = journal
        self._undo = undo
        self._tell = tell

    async def run(self) -> str:
        """What became of it. Waits for an engine that is away; raises AppError when there is no way back."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._once()
            except UpstreamError as error:
                if error.permanent:
                    raise
            await engine_back(self._tools)
        return await self._once()

    async def _once(self) -> str:
        before, tools = self._before, self._tools
        await tools.tagging.tag(before.image, self._ref.repository, self._ref.tag or "")
        if await self._applying.untouched(before):
            return f"image {before.image[7:19]} was running all the time"
        restored = await self._restored()
        await self._applying.up(before.files, before)
        reason = await watch(
            self._applying.containers,
            before.image,
            before.replicas,
            tools,
            self._tell,
            must_be_sound=before.sound,
        )
        return f"the old image {before.image[7:19]} runs again ({reason}){restored}{await self._remarks()}"

    async def _restored(self) -> str:
        """Once: data that the old image wrote since then is not overwritten by a second attempt."""
        if self._undo is None:
            return ""
        if known := (await self._journal.read()).get(_RESTORED):
            return str(known["text"])
        if not await self._applying.containers():  # they tell which data is theirs
            await self._applying.up(self._before.files, self._before)
        for one in await self._applying.containers():
            await self._tools.lifecycle.stop(one.id)
        text = f", {await self._undo()}"
        await self._journal.write(_RESTORED, {"text": text})
        return text

    async def _remarks(self) -> str:
        """A compose file that was edited meanwhile counts from now on: only its owner can take that back."""
        after = [
            testimony(one, await self._tools.inspection.image(one.image_id))
            for one in await self._applying.containers()
        ]
        pairs = list(zip(self._before.testimonies, after, strict=False))
        if any(old.config_hash != new.config_hash for old, new in pairs):
            return ", with the settings of the compose file as it is now"
        differences = [str(one) for old, new in pairs for one in compare(old, new)]
        return f", but not as before: {'; '.join(differences)}" if differences else ""

"""Watching new containers until they are as they should be, or clearly never will be."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from dockrev.docker.inspect import ContainerDetail
from dockrev.errors import Conflict
from dockrev.updates.tools import Tools
from dockrev.updates.verify import Judgement, judge

_LOOK_SECONDS = 0.5


async def watch(
    containers: Callable[[], Awaitable[Sequence[ContainerDetail]]],
    image: str,
    replicas: int,
    tools: Tools,
    tell: Callable[[str], None],
    *,
    must_be_sound: bool = True,
) -> str:
    """How they are when they are good. Raises Conflict with the reason when they are not.

    `must_be_sound=False`: what ran before was in trouble already; that it runs again is enough.
    """
    began = tools.clock.now()
    while True:
        found = await containers()
        now = tools.clock.now()
        look = judge(found, image, replicas, began, now, tools.patience)
        if look.judgement is Judgement.GOOD:
            return look.reason
        if not must_be_sound and len(found) >= replicas and all(one.image_id == image for one in found):
            return f"as before the update: {look.reason}"
        if look.judgement is Judgement.BAD:
            raise Conflict(look.reason)
        tell(look.reason)
        if now - began > tools.patience.deadline(found):
            raise Conflict(f"gave up after {(now - began).total_seconds():.0f} s: {look.reason}")
        await asyncio.sleep(_LOOK_SECONDS)

"""Watching new containers until they are as they should be, or clearly never will be."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from dockrev.docker.inspect import ContainerDetail
from dockrev.errors import Conflict, DockerError
from dockrev.updates.collaborators import Tools
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
    An engine that is away for a moment says nothing about them.
    """
    began, patience = tools.clock.now(), await tools.patience()
    found: Sequence[ContainerDetail] = ()
    while True:
        now = tools.clock.now()
        try:
            found = await containers()
        except DockerError as error:
            reason = error.message
        else:
            look = judge(found, image, replicas, began, now, patience)
            reason = look.reason
            if look.judgement is Judgement.GOOD:
                return reason
            if not must_be_sound and len(found) >= replicas and all(one.image_id == image for one in found):
                return f"as before the update: {reason}"
            if look.judgement is Judgement.BAD:
                raise Conflict(reason)
        tell(reason)
        if now - began > patience.deadline(found):
            raise Conflict(f"gave up after {(now - began).total_seconds():.0f} s: {reason}")
        await asyncio.sleep(_LOOK_SECONDS)

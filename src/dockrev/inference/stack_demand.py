"""What the services of this host want to know, read from the views of their stacks."""

from collections.abc import Sequence

from dockrev.errors import InvalidArgument
from dockrev.hosts.host import Host
from dockrev.inference.service_images import ServiceImage
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.stacks.store import StackStore
from dockrev.stacks.views import ServiceView, StackViews


class StackDemand:
    def __init__(self, stacks: StackStore, views: StackViews, host: Host) -> None:
        self._stacks = stacks
        self._views = views
        self._host = host

    async def all(self) -> Sequence[ServiceImage]:
        services = [one for stack in await self._views.all() for one in stack.services]
        return [wanted for one in services if (wanted := _wanted(one))]

    async def of_service(self, service_id: str) -> ServiceImage:
        service = await self._stacks.service(service_id)
        stack = await self._views.one(service.stack_id)
        wanted = next((_wanted(one) for one in stack.services if one.service.id == service_id), None)
        if wanted is None:
            raise InvalidArgument(f"the service has no usable image reference ({service.image_ref!r})")
        return wanted

    async def platform(self) -> Platform:
        return await self._host.platform()


def _wanted(one: ServiceView) -> ServiceImage | None:
    """None when its image reference cannot be read."""
    service, state = one.service, one.state
    try:
        ref = ImageRef.parse(service.image_ref or "")
    except InvalidArgument:
        return None
    return ServiceImage(
        service_id=service.id,
        ref=ref,
        tag=state.tag,
        current=state.digest,
        candidate=state.candidate.digest if state.candidate else None,
        labels=tuple(image.version for image in service.runtime.images if image.version),
        archived=service.archived or service.removed,
        checked=state.unchecked is None,
    )

"""The images of the services of all hosts."""

from collections.abc import Sequence

from dockrev.errors import InvalidArgument
from dockrev.stacks.store import StackStore
from dockrev.stacks.views import StackViews
from dockrev.versions.models import DigestKey
from dockrev.versions.service_image import ServiceImage


class ServiceImages:
    """Keeps the images in memory until a stack or a registry fact changes."""

    def __init__(self, stacks: StackStore, views: StackViews) -> None:
        self._stacks = stacks
        self._views = views
        self._images: Sequence[ServiceImage] = ()
        self._revision = -1

    async def all(self) -> Sequence[ServiceImage]:
        """The images of all services with a valid image reference, archived and unchecked ones too."""
        revision = self._views.images_revision
        if revision != self._revision:
            self._images, self._revision = await self._views.service_images(), revision
        return self._images

    async def of_service(self, service_id: str) -> ServiceImage:
        """Raises NotFound for an unknown service, InvalidArgument when its image reference cannot be read."""
        service = await self._stacks.service(service_id)
        image = next((image for image in await self.all() if image.service_id == service_id), None)
        if image is None:
            raise InvalidArgument(f"the service has no usable image reference ({service.image_ref!r})")
        return image

    async def uses(self, key: DigestKey) -> bool:
        """Does a service run this digest, or is it offered to one?"""
        return any(key in map(image.key, image.digests) for image in await self.all())

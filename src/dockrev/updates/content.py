"""The content of an image, brought here once whoever needs it."""

from collections.abc import Callable

from dockrev.docker.pull_progress import PullProgress
from dockrev.oci.ref import ImageRef
from dockrev.updates.collaborators import Tools


async def bring(tools: Tools, content: ImageRef, advance: Callable[[PullProgress], None]) -> str:
    """The id of the image; what is here already, as another service may have brought it, is not pulled."""
    image = await tools.host.images.find_id(str(content))
    if image is None:
        image = await tools.host.images.pull(content, await tools.login(content), advance)
    return image

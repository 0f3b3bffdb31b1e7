"""Gets the new image of a service: computes the size of the download, chooses the platform, and pulls."""

from collections.abc import Callable
from dataclasses import dataclass

from dockrev.blockers import Blocked, Blocker
from dockrev.docker.disk import free_bytes
from dockrev.docker.pull_progress import PullProgress
from dockrev.hosts.host import Host
from dockrev.oci.manifest import Child, ImageManifest, Index
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.replacement.ports import ImageRegistry

_DISK_FACTOR = 3
"""An unpacked image takes about three times as many bytes as its download."""


@dataclass(frozen=True, slots=True)
class Download:
    """`platform` is None when the engine chooses the right image of an index by itself."""

    bytes: int
    platform: str | None = None


async def expected_download(
    host: Host, registry: ImageRegistry, content: ImageRef, previous_image: str, *, allow_arch_mismatch: bool
) -> Download:
    """Zero bytes, and no request to the registry, when the host already has the content.

    Raises Blocked when the registry has no image for this host's platform and no mismatch is allowed.
    """
    if await host.images.find_id(str(content)) is not None:
        return Download(0)
    manifest = await registry.manifest(content)
    if isinstance(manifest, ImageManifest):
        return Download(manifest.download_bytes)
    digest, platform = manifest.digest_for(await host.platform()), None
    if digest is None and not allow_arch_mismatch:
        text = f"the registry does not offer the image for {await host.platform()}"
        raise Blocked(Blocker("platform_mismatch", text))
    if digest is None:
        child = await _foreign_child(host, manifest, previous_image)
        digest, platform = child.digest, str(child.platform)
    image = await registry.manifest(content.at(digest))
    return Download(0 if isinstance(image, Index) else image.download_bytes, platform)


async def _foreign_child(host: Host, index: Index, previous_image: str) -> Child:
    """The image for the platform that the service runs on now. Without one, the first image of the index."""
    if not index.children:
        raise Blocked(Blocker("empty_index", "the image index lists no image"))
    current: Platform = (await host.images.inspect(previous_image)).platform
    same = (child for child in index.children if child.platform == current)
    return next(same, index.children[0])


async def require_space(host: Host, download_bytes: int) -> None:
    """Raises Blocked when the engine's disk has too little free space for the image."""
    needed, free = download_bytes * _DISK_FACTOR, await free_bytes(host.engine)
    if free is not None and free < needed:
        text = f"the image needs about {needed // 10**6} MB of disk space, and {free // 10**6} MB are free"
        raise Blocked(Blocker("disk_full", text, "free some space in the engine's data directory"))


async def ensure_present(
    host: Host,
    registry: ImageRegistry,
    content: ImageRef,
    on_progress: Callable[[PullProgress], None],
    platform: str | None = None,
) -> str:
    """Pulls the content unless the host has it. Returns the image id."""
    image = await host.images.find_id(str(content))
    if image is not None:
        return image
    login = await registry.login(content)
    return await host.images.pull(
        content, login, on_progress, platform=Platform.parse(platform) if platform else None
    )

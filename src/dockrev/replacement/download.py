"""The image that a service gets: how much there is to download, for which platform, and the pull itself."""

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
"""An unpacked image takes about this many times the bytes that are downloaded."""


@dataclass(frozen=True, slots=True)
class Download:
    """`platform`: None when the engine finds the right image of an index by itself."""

    bytes: int
    platform: str | None = None


async def expected_download(
    host: Host, registry: ImageRegistry, content: ImageRef, previous_image: str, *, allow_arch_mismatch: bool
) -> Download:
    """Nothing when the content is here already; the registry is not asked then.

    Raises Blocked when the image is not offered for this host and a mismatch is not allowed.
    """
    if await host.images.find_id(str(content)) is not None:
        return Download(0)
    manifest = await registry.manifest(content)
    if isinstance(manifest, ImageManifest):
        return Download(manifest.download_bytes)
    digest, platform = manifest.digest_for(await host.platform()), None
    if digest is None and not allow_arch_mismatch:
        raise Blocked(Blocker("platform_mismatch", f"the image is not offered for {await host.platform()}"))
    if digest is None:
        child = await _foreign_child(host, manifest, previous_image)
        digest, platform = child.digest, str(child.platform)
    image = await registry.manifest(content.at(digest))
    return Download(0 if isinstance(image, Index) else image.download_bytes, platform)


async def _foreign_child(host: Host, index: Index, previous_image: str) -> Child:
    """The one for the platform that the service runs on now, or else the first."""
    if not index.children:
        raise Blocked(Blocker("empty_index", "the image index offers no image at all"))
    current: Platform = (await host.images.inspect(previous_image)).platform
    same = (child for child in index.children if child.platform == current)
    return next(same, index.children[0])


async def require_space(host: Host, download_bytes: int) -> None:
    """Raises Blocked."""
    needed, free = download_bytes * _DISK_FACTOR, await free_bytes(host.engine)
    if free is not None and free < needed:
        text = f"{free // 10**6} MB are free, about {needed // 10**6} MB are needed"
        raise Blocked(Blocker("disk_full", text, "free some space in the engine's data directory"))


async def ensure_present(
    host: Host,
    registry: ImageRegistry,
    content: ImageRef,
    on_progress: Callable[[PullProgress], None],
    platform: str | None = None,
) -> str:
    """Pulls the content unless it is here, and returns the id of the image."""
    image = await host.images.find_id(str(content))
    if image is not None:
        return image
    login = await registry.login(content)
    chosen = Platform.parse(platform) if platform else None
    return await host.images.pull(content, login, on_progress, platform=chosen)

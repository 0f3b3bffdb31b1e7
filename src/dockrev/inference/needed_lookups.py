"""Finds the lookups that the images of services need now. Asks no registry."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from dockrev.clock import Clock
from dockrev.inference.queue import TaskQueue
from dockrev.inference.service_images import ServiceImages
from dockrev.versions.models import InferenceReason, Lookup
from dockrev.versions.service_image import ServiceImage
from dockrev.versions.state import lookup_reason
from dockrev.versions.store import VersionStore


async def needed_lookups(
    images: Iterable[ServiceImage],
    versions: VersionStore,
    reason: InferenceReason,
    now: datetime,
) -> list[Lookup]:
    """Returns a lookup for each digest whose version is unknown or too old. Candidates come first."""
    needed = [(image, digest) for image in images if image.needs_inference for digest in image.digests]
    knowledge = await versions.known(((image.ref.repository, digest) for image, digest in needed))
    return [
        image.lookup(digest, reason)
        for image, digest in needed
        if lookup_reason(knowledge.snapshots.get(image.key(digest)), image.tag, now)
    ]


async def warm_up(services: ServiceImages, versions: VersionStore, queue: TaskQueue, clock: Clock) -> int:
    """Enqueues the lookups of all running images. Returns their number."""
    running = [replace(image, candidate=None) for image in await services.all()]
    lookups = await needed_lookups(running, versions, InferenceReason.STARTUP_WARMUP, clock.now())
    await queue.enqueue(lookups)
    return len(lookups)

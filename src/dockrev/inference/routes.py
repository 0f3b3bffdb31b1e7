"""The routes for tags of digests, for the overview of version inference, and for its events."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from dockrev.clock import Clock
from dockrev.errors import InvalidArgument, NotFound
from dockrev.inference.documents import EVENTS, ScanOut
from dockrev.inference.events import EventBuffer
from dockrev.inference.full_scan import FullScan
from dockrev.inference.overview import OverviewFilter, OverviewStatus, page, rows
from dockrev.inference.queue import TaskQueue
from dockrev.inference.service_images import ServiceImages
from dockrev.inference.wire import (
    DigestTagsAnswer,
    OverviewAnswer,
    RefreshAnswer,
    RefreshRequest,
    SnapshotAnswer,
    SnapshotPending,
    overview_answer,
)
from dockrev.oci.digest import FORMS, Digest
from dockrev.registry.client import RegistryClient
from dockrev.versions.models import InferenceReason, Lookup
from dockrev.versions.store import VersionStore
from dockrev.web.access import Access
from dockrev.web.envelope import responses
from dockrev.web.invalid_input import invalid
from dockrev.web.query import blank_means
from dockrev.web.router import ApiRouter
from dockrev.web.shutdown import Shutdown
from dockrev.web.sse import EventStream, ResumeAfter
from dockrev.web.wire import WireResponse

_PENDING: dict[int | str, dict[str, Any]] = {
    202: {"model": SnapshotPending, "description": "The lookup of the digest is not done yet"}
}


class InferenceRoutes:
    def __init__(
        self,
        queue: TaskQueue,
        versions: VersionStore,
        services: ServiceImages,
        full_scan: FullScan,
        registry: RegistryClient,
        events: EventBuffer,
        shutdown: Shutdown,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._versions = versions
        self._services = services
        self._full_scan = full_scan
        self._registry = registry
        self._events = events
        self._shutdown = shutdown
        self._clock = clock
        self.router = ApiRouter(access=Access.IDENTITY, tags=["versions"])
        self._declare()

    def _declare(self) -> None:
        add, of_service = self.router.add_api_route, "/api/services/{service_id}"
        missing = responses(404, 503)
        add(
            f"{of_service}/digest-tags",
            self.digest_tags,
            methods=["GET"],
            response_model=DigestTagsAnswer,
            responses=responses(404, 500, 503),
        )
        add(
            f"{of_service}/digest-tags-snapshot",
            self.snapshot,
            methods=["GET"],
            response_model=SnapshotAnswer,
            responses=missing | _PENDING,
        )
        add(
            f"{of_service}/version-inference/refresh",
            self.refresh,
            methods=["POST"],
            status_code=202,
            response_model=RefreshAnswer,
            responses=missing,
        )
        add(
            "/api/version-inference/overview",
            self.overview,
            methods=["GET"],
            response_model=OverviewAnswer,
            responses=responses(503),
        )
        add(
            "/api/version-inference/events",
            self.events,
            methods=["GET"],
            events=EVENTS,
        )

    async def digest_tags(self, service_id: str, digest: str = "") -> Response:
        """Asks the registry now about all tags without a fresh fact. Without a digest, lists the tags."""
        parsed_digest = parsed(digest)
        image = await self._services.of_service(service_id)
        if parsed_digest:
            scanned = await self._full_scan.find(image.ref, parsed_digest)
        else:
            scanned = await self._full_scan.names(image.ref)
        return WireResponse(
            DigestTagsAnswer(
                digest=parsed_digest or "",
                tags=list(scanned.tags),
                repo_tags=list(scanned.names),
                scan=ScanOut.of(scanned.scan),
            )
        )

    async def snapshot(self, service_id: str, digest: str = "") -> Response:
        """Answers 202 while there is no snapshot, or while a lookup that the operator ordered is not done."""
        lookup = await self._lookup(service_id, parsed(digest), InferenceReason.API_SNAPSHOT_READ_MISS)
        key = lookup.key
        snapshot, task = await self._versions.snapshot(key), self._queue.get(key)
        if snapshot is None:
            self._queue.request([lookup])
        if snapshot is None or (task and task.reason is InferenceReason.FORCE):
            return WireResponse(SnapshotPending(digest=key.digest), 202)
        return WireResponse(
            SnapshotAnswer(
                digest=key.digest,
                tags=list(snapshot.tags),
                checked_at=snapshot.checked_at,
                scan=ScanOut.of(snapshot.scan),
            )
        )

    async def refresh(self, service_id: str, request: RefreshRequest | None = None) -> RefreshAnswer:
        digest = (request.digest if request else None) or ""
        lookup = await self._lookup(service_id, parsed(digest), InferenceReason.FORCE)
        added = await self._queue.enqueue([lookup])
        return RefreshAnswer(
            service_id=service_id,
            image_repo=lookup.key.repository,
            digest=lookup.key.digest,
            reason="force" if lookup.key in added else "running",
        )

    async def overview(
        self,
        q: str = "",
        status: str = "",
        page_number: Annotated[
            int, Query(alias="page", description="Below 1 means 1."), blank_means(1, int)
        ] = 1,
        per_page: Annotated[
            int, Query(alias="perPage", description="Held between 1 and 200."), blank_means(50, int)
        ] = 50,
    ) -> Response:
        overview_filter = OverviewFilter(q.strip(), _row_status(status))
        snapshots, images = await self._versions.snapshots(), await self._services.all()
        retention = await self._versions.last_retention()
        tasks = self._queue.tasks
        all_rows = rows(tasks, snapshots, images, self._clock.now())
        return WireResponse(
            overview_answer(
                tasks=tasks,
                dropped=self._queue.dropped,
                retention=retention,
                registries=self._registry.usage(),
                rows=all_rows,
                page=page(all_rows, overview_filter, page_number, per_page),
            )
        )

    async def events(self, after: ResumeAfter) -> Response:
        """Without an id to resume after, the stream begins with the next event."""
        return EventStream(self._events.after(after or self._events.latest), self._shutdown)

    async def _lookup(self, service_id: str, digest: Digest | None, reason: InferenceReason) -> Lookup:
        if digest is None:
            raise invalid("digest", "digest is required")
        image = await self._services.of_service(service_id)
        if digest not in image.digests:
            raise NotFound("digest snapshot not found")
        return image.lookup(digest, reason)


def parsed(text: str) -> Digest | None:
    """Accepts upper case, and a hash without `sha256:`. Returns None for a blank text."""
    trimmed = text.strip().lower()
    if not trimmed:
        return None
    try:
        return Digest.parse(trimmed if ":" in trimmed else f"sha256:{trimmed}")
    except InvalidArgument as error:
        raise invalid("digest", f"not a digest; one is {FORMS}") from error


def _row_status(text: str) -> OverviewStatus | None:
    status = text.strip()
    if status in {"", "all"}:
        return None
    if status not in set(OverviewStatus):
        raise invalid("status", f"must be one of all, {', '.join(OverviewStatus)}")
    return OverviewStatus(status)

"""The routes that show, archive and restore stacks and services."""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from dockrev.errors import ManualRegistrationDisabled
from dockrev.stacks.models import ArchivedFilter
from dockrev.stacks.store import StackStore
from dockrev.stacks.views import StackViews
from dockrev.stacks.wire import (
    Archived,
    StackAnswer,
    StackListAnswer,
    stack_detail,
    stack_list_item,
)
from dockrev.versions.models import Lookup
from dockrev.web.access import Access
from dockrev.web.envelope import responses
from dockrev.web.etag import caching, etag_of, not_modified
from dockrev.web.router import ApiRouter
from dockrev.web.wire import Done, WireResponse

RequestVersions = Callable[[Sequence[Lookup]], None]


class StackRoutes:
    """`request_versions` takes the lookups that a page needs. It keeps them in memory and writes nothing."""

    def __init__(self, stacks: StackStore, views: StackViews, request_versions: RequestVersions) -> None:
        self._stacks = stacks
        self._request_versions = request_versions
        self._views = views
        self.router = ApiRouter(access=Access.IDENTITY, tags=["stacks"])
        add, missing = self.router.add_api_route, responses(404, 503)
        add(
            "/api/stacks",
            self.list,
            methods=["GET"],
            response_model=StackListAnswer,
            responses=responses(503)
            | {304: {"description": "The list that `If-None-Match` names is current"}},
        )
        add("/api/stacks", self.register, methods=["POST"], status_code=405, responses=responses(405))
        add(
            "/api/stacks/{stack_id}", self.get, methods=["GET"], response_model=StackAnswer, responses=missing
        )
        for verb, stack, service in (
            ("archive", self.archive, self.archive_service),
            ("restore", self.restore, self.restore_service),
        ):
            add(f"/api/stacks/{{stack_id}}/{verb}", stack, methods=["POST"], responses=missing)
            add(f"/api/services/{{service_id}}/{verb}", service, methods=["POST"], responses=missing)

    async def list(self, request: Request, archived: Archived = ArchivedFilter.EXCLUDE) -> Response:
        etag = etag_of(self._views.revision, archived)
        if unchanged := not_modified(request, etag):
            return unchanged
        views = await self._views.all()
        shown = [stack_list_item(view) for view in views if archived.admits(view.stack.archived)]
        return WireResponse(StackListAnswer(stacks=shown), headers=caching(etag))

    async def register(self) -> None:
        raise ManualRegistrationDisabled(
            "stacks are not registered by hand: discovery finds Compose projects"
        )

    async def get(self, stack_id: str) -> Response:
        view = await self._views.stack(stack_id)
        self._request_versions(view.lookups)
        return WireResponse(StackAnswer(stack=stack_detail(view)))

    async def archive(self, stack_id: str) -> Done:
        await self._stacks.archive(stack_id, archived=True)
        return Done()

    async def restore(self, stack_id: str) -> Done:
        await self._stacks.archive(stack_id, archived=False)
        return Done()

    async def archive_service(self, service_id: str) -> Done:
        await self._stacks.archive_service(service_id, archived=True)
        return Done()

    async def restore_service(self, service_id: str) -> Done:
        await self._stacks.archive_service(service_id, archived=False)
        return Done()

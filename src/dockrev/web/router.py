"""The router that every feature uses. Its routes declare who may call them. Their bodies are limited."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from dockrev.web.access import RouteAccess
from dockrev.web.body import BoundedRequest, refuse_other_content
from dockrev.web.event_schema import EventSchema

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    """Reads a JSON body before FastAPI does, because FastAPI hides the reason when a body cannot be read."""

    access: RouteAccess
    events: EventSchema | None
    """The events that the answer streams. None for a route that answers with JSON."""
    methods: set[str]

    def get_route_handler(self) -> Handler:
        answer = super().get_route_handler()
        if self.methods == {"GET"}:
            return answer
        takes_json = self.body_field is not None

        async def read_and_answer(request: Request) -> Response:
            bounded = BoundedRequest(request.scope, request.receive)
            if takes_json and await bounded.body():
                refuse_other_content(bounded)
                await bounded.json()
            return await answer(bounded)

        return read_and_answer


class ApiRouter(APIRouter):
    """`access` holds for every route that does not declare its own."""

    def __init__(self, *, access: RouteAccess, tags: list[str] | None = None) -> None:
        super().__init__(route_class=ApiRoute, tags=[*tags] if tags else None, redirect_slashes=False)
        self._access = access

    def add_api_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        access: RouteAccess | None = None,
        events: EventSchema | None = None,
        **options: Any,
    ) -> None:
        """`events`: the route answers with a stream of these events."""
        if events:
            options["response_class"] = Response  # EventStream's media type would be declared for errors too
        super().add_api_route(path, endpoint, **options)
        route = self.routes[-1]
        assert isinstance(route, ApiRoute)
        route.access = access or self._access
        route.events = events

"""The settings of a service: automatic rollback, backup targets and the URL of its source."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

import structlog
from pydantic import AfterValidator, StrictBool

from dockrev.errors import InvalidArgument
from dockrev.stacks.models import BackupChoice, ServiceSettings
from dockrev.stacks.store import StackStore
from dockrev.stacks.wire import SettingsOut, settings_out
from dockrev.web.access import Access
from dockrev.web.envelope import responses
from dockrev.web.identity import CurrentPrincipal
from dockrev.web.router import ApiRouter
from dockrev.web.wire import Done, Wire

log = structlog.get_logger()

Choices = Mapping[str, BackupChoice]


def _absolute(paths: Choices) -> Choices:
    if not all(path.startswith("/") for path in paths):
        raise ValueError("every path must be absolute")
    return paths


def _named(volumes: Choices) -> Choices:
    if not all(name.strip() for name in volumes):
        raise ValueError("a volume's name must not be blank")
    return volumes


class BackupTargetsIn(Wire):
    """A target that is not named here counts as `inherit`."""

    bind_paths: Annotated[dict[str, BackupChoice], AfterValidator(_absolute)]
    volume_names: Annotated[dict[str, BackupChoice], AfterValidator(_named)]


class SettingsIn(Wire):
    """`repoUrl`: a request without it keeps the stored URL. Null or blank deletes it."""

    auto_rollback: StrictBool
    backup_targets: BackupTargetsIn
    repo_url: str | None = None


class SettingsRoutes:
    def __init__(self, stacks: StackStore) -> None:
        self._stacks = stacks
        self.router = ApiRouter(access=Access.IDENTITY, tags=["stacks"])
        add, path, errors = (
            self.router.add_api_route,
            "/api/services/{service_id}/settings",
            responses(404, 503),
        )
        add(path, self.get, methods=["GET"], response_model=SettingsOut, responses=errors)
        add(path, self.put, methods=["PUT"], responses=errors)

    async def get(self, service_id: str) -> SettingsOut:
        return settings_out((await self._stacks.service(service_id)).settings)

    async def put(self, service_id: str, request: SettingsIn, principal: CurrentPrincipal) -> Done:
        await self._stacks.save_settings(service_id, lambda stored: _changed(stored, request))
        log.info(
            "Service settings changed",
            action="service.settings_changed",
            service_id=service_id,
            changed_by=principal.name,
        )
        return Done()


def _changed(stored: ServiceSettings, request: SettingsIn) -> ServiceSettings:
    """Raises InvalidArgument."""
    sets_url = "repo_url" in request.model_fields_set
    return ServiceSettings(
        auto_rollback=request.auto_rollback,
        bind_paths=request.backup_targets.bind_paths,
        volume_names=request.backup_targets.volume_names,
        repo_url=_repo_url(request.repo_url) if sets_url else stored.repo_url,
    )


def _repo_url(text: str | None) -> str | None:
    """Raises InvalidArgument. The message does not repeat the URL, because it may contain a password."""
    trimmed = (text or "").strip()
    if trimmed and not _is_web_address(trimmed):
        raise InvalidArgument("invalid repoUrl", {"field": "repoUrl"})
    return trimmed or None


def _is_web_address(text: str) -> bool:
    if not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for an invalid port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc

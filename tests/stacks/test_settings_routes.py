"""Reading and changing the settings of a service over ASGI."""

from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from structlog.testing import capture_logs

from dockrev.config.shared import AuthConfig
from dockrev.db.database import Database
from dockrev.stacks.settings_routes import SettingsRoutes
from dockrev.stacks.store import StackStore, services
from dockrev.web.application import create_web_app
from tests.fakes.clock import MovableClock
from tests.stacks.building import OLD, observed, observed_service, running
from tests.web.asgi import Answer, ask

NOTHING: dict[str, Any] = {"bindPaths": {}, "volumeNames": {}}
URL = "https://github.com/acme/blog"


@dataclass(frozen=True)
class Api:
    database: Database
    stacks: StackStore
    app: FastAPI
    service_id: str

    async def get(self) -> Any:
        answer = await ask(self.app, "GET", f"/api/services/{self.service_id}/settings")
        assert answer.status == 200
        return answer.json()

    async def put(self, body: object, service_id: str | None = None, **headers: str) -> Answer:
        path = f"/api/services/{service_id or self.service_id}/settings"
        return await ask(self.app, "PUT", path, json_body=body, headers=headers)

    async def with_url(self, url: object) -> Any:
        """Returns the stored URL after a PUT with this URL."""
        body = {"autoRollback": True, "backupTargets": NOTHING, "repoUrl": url}
        answer = await self.put(body)
        assert answer.status == 200, answer.body
        return (await self.get())["repoUrl"]


@pytest.fixture
async def api(database: Database, clock: MovableClock) -> Api:
    stacks = StackStore(database, clock)
    await stacks.sync(observed(web=observed_service("web", "web", running(OLD))))
    (stack,) = await stacks.all()
    app = create_web_app([SettingsRoutes(stacks).router], AuthConfig(), "1.0")
    return Api(database, stacks, app, stack.services[0].id)


async def test_a_new_service_has_the_defaults(api: Api) -> None:
    assert await api.get() == {"autoRollback": True, "backupTargets": NOTHING, "repoUrl": None}


async def test_stored_settings_are_read_back(api: Api) -> None:
    settings = {
        "autoRollback": False,
        "backupTargets": {
            "bindPaths": {"/srv/blog/uploads": "force"},
            "volumeNames": {"blog-cache": "skip", "blog-data": "inherit"},
        },
        "repoUrl": URL,
    }

    answer = await api.put(settings)

    assert (answer.status, answer.json()) == (200, {"ok": True})
    assert await api.get() == settings


async def test_backup_targets_are_replaced_and_not_merged(api: Api) -> None:
    first = {"bindPaths": {"/srv": "skip"}, "volumeNames": {"data": "force"}}
    await api.put({"autoRollback": True, "backupTargets": first})
    await api.put({"autoRollback": True, "backupTargets": NOTHING})

    assert (await api.get())["backupTargets"] == NOTHING


async def test_a_request_without_a_url_keeps_it(api: Api) -> None:
    await api.with_url(URL)
    await api.put({"autoRollback": False, "backupTargets": NOTHING})

    assert (await api.get())["repoUrl"] == URL


@pytest.mark.parametrize("blank", [None, "", "  "])
async def test_null_and_blank_delete_the_url(api: Api, blank: object) -> None:
    assert await api.with_url(URL) == URL

    assert await api.with_url(blank) is None


@pytest.mark.parametrize(
    "url", [f"  {URL}\n", "http://git.lan:3000/a/b", "HTTPS://example.com", "http://[::1]/x"]
)
async def test_a_web_address_is_stored_without_blanks_around_it(api: Api, url: str) -> None:
    assert await api.with_url(url) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "acme/blog",
        "ssh://git@github.com/acme/blog",
        "git@github.com:acme/blog.git",
        "https://",
        "https:///acme",
        "https://ann:geheim@github.com/acme",
        "https://ann@github.com/acme",
        "https://host:port/x",
        "https://[::1/x",
        "https://exa mple.com",
        "javascript:alert(1)",
    ],
)
async def test_the_refusal_of_a_url_does_not_repeat_it(api: Api, url: str) -> None:
    answer = await api.put({"autoRollback": True, "backupTargets": NOTHING, "repoUrl": url})

    assert answer.status == 400
    assert answer.json()["error"] == {
        "code": "invalid_argument",
        "message": "invalid repoUrl",
        "details": {"field": "repoUrl"},
    }


async def test_a_refused_change_changes_nothing(api: Api) -> None:
    before = await api.get()

    await api.put({"autoRollback": False, "backupTargets": NOTHING, "repoUrl": "nothing"})

    assert await api.get() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"backupTargets": NOTHING}, "autoRollback"),
        ({"autoRollback": "yes", "backupTargets": NOTHING}, "autoRollback"),
        ({"autoRollback": True}, "backupTargets"),
        ({"autoRollback": True, "backupTargets": {"bindPaths": {}}}, "backupTargets.volumeNames"),
        ({"autoRollback": True, "backupTargets": {"volumeNames": {}}}, "backupTargets.bindPaths"),
        (
            {"autoRollback": True, "backupTargets": {**NOTHING, "bindPaths": {"srv": "skip"}}},
            "backupTargets.bindPaths",
        ),
        (
            {"autoRollback": True, "backupTargets": {**NOTHING, "volumeNames": {" ": "skip"}}},
            "backupTargets.volumeNames",
        ),
        (
            {"autoRollback": True, "backupTargets": {**NOTHING, "volumeNames": {"data": "never"}}},
            "backupTargets.volumeNames.data",
        ),
    ],
)
async def test_the_refusal_names_the_missing_or_wrong_field(api: Api, body: object, field: str) -> None:
    answer = await api.put(body)

    assert answer.status == 400
    assert [each["field"] for each in answer.json()["error"]["details"]["errors"]] == [field]


async def test_an_unknown_service_is_404_even_with_an_invalid_url(api: Api) -> None:
    body = {"autoRollback": True, "backupTargets": NOTHING, "repoUrl": "nothing"}

    answer = await api.put(body, "svc_unknown")
    read = await ask(api.app, "GET", "/api/services/svc_unknown/settings")

    assert (answer.status, answer.json()["error"]["message"]) == (404, "service not found")
    assert (read.status, read.json()["error"]["message"]) == (404, "service not found")


async def test_a_change_is_logged_with_the_user_and_stored_with_its_time(
    api: Api, clock: MovableClock
) -> None:
    clock.advance(3600)
    with capture_logs() as lines:
        await api.put({"autoRollback": False, "backupTargets": NOTHING}, **{"x-forwarded-user": "ann"})

    (line,) = [each for each in lines if each["action"] == "service.settings_changed"]
    async with api.database.read() as connection:
        updated_at = await connection.scalar(select(services.c.updated_at))
    assert (line["service_id"], line["changed_by"]) == (api.service_id, "ann")
    assert updated_at == clock.now()


async def test_a_change_of_settings_raises_the_revision(api: Api) -> None:
    before = api.stacks.revision

    await api.put({"autoRollback": False, "backupTargets": NOTHING})

    assert api.stacks.revision > before


async def test_a_sync_keeps_the_settings(api: Api) -> None:
    await api.put({"autoRollback": False, "backupTargets": NOTHING, "repoUrl": URL})

    await api.stacks.sync(observed(web=observed_service("web", "other:2", running())))

    assert await api.get() == {"autoRollback": False, "backupTargets": NOTHING, "repoUrl": URL}

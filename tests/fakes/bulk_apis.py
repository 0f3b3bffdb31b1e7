"""Fakes of the bulk APIs, with the answer formats, orders, pages, limits and refusals of each."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import unquote

from aiohttp import web

from dockrev.oci.digest import Digest
from tests.fakes.bulk import FakeBulk, Pushed, rfc3339


class FakeDockerHub(FakeBulk):
    """Allows 180 requests a minute. Its `next` links always name Docker's real host.

    `documented_for`: the status of the documented path for clients without a login.
    """

    documented_for = 200

    left = 180
    resets_at = datetime(2026, 1, 2, 3, 5, 0, tzinfo=UTC)

    def answer(self, request: web.Request) -> web.Response:
        self.left -= 1
        limits = {"X-RateLimit-Limit": "180", "X-RateLimit-Reset": f"{self.resets_at.timestamp():.0f}"}
        if self.left < 0:
            limits |= {"X-RateLimit-Remaining": "0", "X-Retry-After": limits["X-RateLimit-Reset"]}
            return web.json_response({"detail": "Rate limit exceeded"}, status=429, headers=limits)
        documented = re.fullmatch(r"/v2/namespaces/([^/]+)/repositories/([^/]+)/tags", request.path)
        if documented and self.documented_for != 200:
            return web.json_response({"message": "log in"}, status=self.documented_for, headers=limits)
        found = documented or re.fullmatch(r"/v2/repositories/([^/]+)/([^/]+)/tags", request.path)
        if not found or f"{found[1]}/{found[2]}" not in self.repositories:
            return web.json_response({"message": "object not found", "errinfo": {}}, status=404)
        rows = self.newest_first(f"{found[1]}/{found[2]}")
        if request.query.get("ordering") != "last_updated":
            rows.sort(key=lambda one: one.tag)
        page, more = self.numbered_page(request, rows, "page_size")
        following = f"https://hub.docker.com{request.path}?page=2" if more else None
        body = {"count": len(rows), "next": following, "previous": None, "results": list(map(_hub_tag, page))}
        return web.json_response(body, headers=limits | {"X-RateLimit-Remaining": str(self.left)})


def _hub_tag(row: Pushed) -> Mapping[str, object]:
    images = [_hub_image(architecture, digest) for architecture, digest in row.children]
    attestation = _hub_image("unknown", Digest.of(b"attestation")) | {"os": "unknown"}
    return {
        "name": row.tag,
        "digest": row.digest,
        "images": [*images, attestation] if images else [_hub_image("amd64", row.digest)],
        "last_updated": rfc3339(row.at),
        "tag_last_pushed": rfc3339(row.at),
        "tag_status": "active",
    }


def _hub_image(architecture: str, digest: Digest) -> dict[str, object]:
    return {"architecture": architecture, "os": "linux", "variant": None, "digest": digest, "size": 7}


class FakeQuay(FakeBulk):
    realm, service = "/v2/auth", "quay"

    def answer(self, request: web.Request) -> web.Response:
        if listed := re.fullmatch(r"/v2/(.+)/tags/list", request.path):
            return self.tag_list(request, listed[1])
        found = re.fullmatch(r"/api/v1/repository/(.+)/tag/", request.path)
        if not found or found[1] not in self.repositories:
            return web.json_response({"status": 404, "error_message": "Not Found"}, status=404)
        page, more = self.numbered_page(request, self.newest_first(found[1]), "limit")
        tags = [
            {
                "name": row.tag,
                "manifest_digest": row.digest,
                "is_manifest_list": bool(row.children),
                "last_modified": format_datetime(row.at),
                "start_ts": int(row.at.timestamp()),
            }
            for row in page
        ]
        body = {"tags": tags, "page": int(request.query["page"]), "has_additional": more}
        return web.json_response(body)


class FakeGitLab(FakeBulk):
    """Sorts tags by name, or by one of `sorts`. Refuses any other order, as older releases do."""

    realm, service = "/jwt/auth", "container_registry"
    largest_page = 1000
    sorts: tuple[str, ...] = ("-published_at", "desc")

    def answer(self, request: web.Request) -> web.Response:
        found = re.fullmatch(r"/gitlab/v1/repositories/(.+)/tags/list/", request.path)
        if not found:
            return web.Response(status=404, text="404 page not found")
        if not self.granted(request, found[1]):
            return self.challenge()
        rows = sorted(self.repositories[found[1]], key=lambda one: one.tag)
        if sort := request.query.get("sort"):
            if sort not in self.sorts:
                code = "INVALID_QUERY_PARAMETER_VALUE"
                return web.json_response({"errors": [{"code": code}]}, status=400)
            rows = self.newest_first(found[1]) if sort == "-published_at" else rows[::-1]
        return self._page(request, rows)

    def _page(self, request: web.Request, rows: list[Pushed]) -> web.Response:
        names = [row.tag for row in rows]
        start = names.index(request.query["last"]) + 1 if "last" in request.query else 0
        size = min(int(request.query.get("n", 100)), self.largest_page)
        page = rows[start : start + size]
        headers = {}
        if start + size < len(rows):
            following = request.rel_url.update_query(last=page[-1].tag)
            headers["Link"] = f'<http://{self.host}{following}>; rel="next"'
        tags = [{"name": row.tag, "digest": row.digest, "created_at": rfc3339(row.at)} for row in page]
        return web.json_response(tags, headers=headers)


class FakeHarbor(FakeBulk):
    """Runs behind a proxy that decodes paths once. A private project answers 401 to everybody but `login`."""

    realm, service = "/service/token", "harbor-registry"

    def answer(self, request: web.Request) -> web.Response:
        path = unquote(request.rel_url.raw_path)
        found = re.fullmatch(r"/api/v2\.0/projects/([^/]+)/repositories/([^/]+)/artifacts", path)
        if not found:
            return web.json_response(
                {"errors": [{"code": "NOT_FOUND", "message": "path not found"}]}, status=404
            )
        if self.login and request.headers.get("Authorization") != self.login:
            return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)
        rows = self.newest_first(f"{found[1]}/{unquote(found[2])}")
        if request.query.get("sort") != "-push_time":
            rows.reverse()
        page, more = self.numbered_page(request, rows, "page_size")
        headers = {"X-Total-Count": str(len(rows))}
        if more:
            headers["Link"] = f'<{path}?page={int(request.query["page"]) + 1}>; rel="next"'
        return web.json_response(list(map(_harbor_artifact, page)), headers=headers)


def _harbor_artifact(row: Pushed) -> Mapping[str, object]:
    references = [
        {"child_digest": digest, "platform": {"os": "linux", "architecture": architecture}}
        for architecture, digest in row.children
    ]
    tags = [{"name": row.tag, "push_time": rfc3339(row.at), "immutable": False}]
    return {
        "digest": row.digest,
        "tags": tags,
        "references": references or None,
        "push_time": rfc3339(row.at),
    }


class FakeGoogle(FakeBulk):
    """Answers one page by digest, which includes the images of each index and untagged images."""

    realm = "/v2/token"

    def answer(self, request: web.Request) -> web.Response:
        found = re.fullmatch(r"/v2/(.+)/tags/list", request.path)
        if not found:
            return web.json_response({"errors": [{"code": "UNSUPPORTED"}]}, status=404)
        if not self.granted(request, found[1]):
            return self.challenge()
        manifests: dict[str, object] = {}
        for row in self.repositories[found[1]]:
            milliseconds = str(int(row.at.timestamp() * 1000))
            manifests[row.digest] = {"tag": [row.tag], "timeUploadedMs": milliseconds, "mediaType": "index"}
            manifests |= {digest: {"tag": [], "timeUploadedMs": milliseconds} for _, digest in row.children}
        names = sorted(row.tag for row in self.repositories[found[1]])
        return web.json_response({"child": [], "manifest": manifests, "name": found[1], "tags": names})


class FakeGitHub(FakeBulk):
    """Packages of organisations and users (`users`), only for `login`, with 5,000 requests an hour.

    Each version of an index comes before its images, which have no tags.
    """

    left = 5000
    resets_at = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)

    def __init__(self, *, login: str = "Bearer ghp_good", users: tuple[str, ...] = ()) -> None:
        super().__init__(login=login)
        self.users = users

    def answer(self, request: web.Request) -> web.Response:
        self.left -= 1
        limits = {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(max(self.left, 0)),
            "X-RateLimit-Reset": f"{self.resets_at.timestamp():.0f}",
        }
        if request.headers.get("Authorization") != self.login:
            return web.json_response({"message": "Bad credentials"}, status=401, headers=limits)
        if self.left < 0:
            return web.json_response({"message": "API rate limit exceeded"}, status=403, headers=limits)
        response = self._versions(request)
        response.headers.update(limits)
        return response

    def _versions(self, request: web.Request) -> web.Response:
        pattern = r"/(orgs|users)/([^/]+)/packages/container/([^/]+)/versions"
        found = re.fullmatch(pattern, request.rel_url.raw_path)
        repository = f"{found[2]}/{unquote(found[3])}" if found else ""
        if (
            not found
            or (found[1] == "users") != (found[2] in self.users)
            or repository not in self.repositories
        ):
            return web.json_response({"message": "Not Found"}, status=404)
        versions = [each for row in self.newest_first(repository) for each in _versions_of(row)]
        size, number = int(request.query["per_page"]), int(request.query.get("page", 1))
        headers = {}
        if number * size < len(versions):
            following = request.rel_url.update_query(page=number + 1)
            headers["Link"] = f'<{self.url}{following}>; rel="next", <{self.url}/last>; rel="last"'
        return web.json_response(versions[(number - 1) * size : number * size], headers=headers)


def _versions_of(row: Pushed) -> list[Mapping[str, object]]:
    named = [(row.digest, [row.tag]), *((digest, []) for _, digest in row.children)]
    return [
        {
            "id": 1,
            "name": digest,
            "created_at": rfc3339(row.at),
            "updated_at": rfc3339(row.at),
            "metadata": {"package_type": "container", "container": {"tags": tags}},
        }
        for digest, tags in named
    ]

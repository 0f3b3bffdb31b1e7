"""The read requests of the distribution API: manifests, tag lists, blobs (OCI distribution spec 1.1)."""

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote

import orjson

from bench.catalogue import Quirk
from bench.content import DOCKER_MANIFEST, Document
from bench.limits import QUOTA_WINDOW_SECONDS, PullQuota
from bench.registry_options import TagList
from bench.shelf import Assortment
from bench.traffic import Kind
from bench.wire import Answer, Request

_FIXED = {"/token": Kind.TOKEN, "/v2/token": Kind.TOKEN, "/v2/": Kind.PING, "/v2": Kind.PING}
_RESOURCE = re.compile(r"/v2/(.+)/(manifests|blobs|tags)/([^/]+)")
_JSON = b"content-type: application/json\r\n"


@dataclass(frozen=True, slots=True)
class Question:
    kind: Kind
    repository: str | None = None
    subject: str = ""
    """The tag or digest."""


def question(request: Request) -> Question:
    fixed = _FIXED.get(request.path)
    resource = _RESOURCE.fullmatch(request.path)
    if request.method not in ("GET", "HEAD") or not (fixed or resource):
        return Question(Kind.OTHER)
    if resource is None:
        return Question(fixed or Kind.OTHER)
    repository, collection, subject = resource.groups()
    match collection:
        case "manifests":
            return Question(_manifest_kind(request.method, subject), repository, subject)
        case "blobs":
            return Question(Kind.BLOB, repository, subject)
    return Question(Kind.TAGS if subject == "list" else Kind.OTHER, repository)


def _manifest_kind(method: str, reference: str) -> Kind:
    if ":" in reference:
        return Kind.HEAD_DIGEST if method == "HEAD" else Kind.GET_DIGEST
    return Kind.HEAD_TAG if method == "HEAD" else Kind.GET_TAG


class Resources:
    def __init__(
        self, shelves: Mapping[str, Assortment], page: int, quota: PullQuota | None, tag_list: TagList
    ) -> None:
        self._shelves, self._page, self._quota, self._tag_list = shelves, page, quota, tag_list

    def answer(self, request: Request, asked: Question) -> Answer:
        if asked.kind is Kind.PING:
            return json_answer(b"{}", Kind.PING)
        shelf = self._shelves.get(asked.repository or "")
        if shelf is None or shelf.repository.quirk is Quirk.MISSING:
            return error(asked.kind, 404, "NAME_UNKNOWN", "repository name not known to registry")
        if shelf.repository.quirk is Quirk.BROKEN:
            return error(asked.kind, 500, "UNKNOWN", "unknown error")
        return self._content(shelf, request, asked)

    def _content(self, shelf: Assortment, request: Request, asked: Question) -> Answer:
        match asked.kind:
            case Kind.TAGS if self._tag_list is TagList.GOOGLE:
                return _tags_with_digests(shelf)
            case Kind.TAGS:
                return self._tags(shelf, request)
            case Kind.BLOB:
                return _blob(shelf, asked.subject)
            case Kind.OTHER:
                return error(asked.kind, 404, "UNSUPPORTED", "no such resource")
        return self._manifest(shelf, request, asked)

    def _manifest(self, shelf: Assortment, request: Request, asked: Question) -> Answer:
        by_tag = asked.kind in (Kind.HEAD_TAG, Kind.GET_TAG)
        document = shelf.named(asked.subject) if by_tag else shelf.manifest(asked.subject)
        if document is None:
            return error(asked.kind, 404, "MANIFEST_UNKNOWN", "manifest unknown")
        if not _accepted(document, request):
            reason = f"{document.media_type} found, but the Accept header does not name it"
            return error(asked.kind, 404, "MANIFEST_UNKNOWN", reason)
        if self._quota is not None and request.method == "GET" and not self._quota.take():
            return self._quota_spent(asked)
        headers = _document_headers(document) + (b"" if self._quota is None else self._quota.headers)
        known = request.headers.get("if-none-match") == f'"{document.digest}"'
        return Answer(304 if known else 200, headers, document.body, asked.kind)

    def _quota_spent(self, asked: Question) -> Answer:
        headers = b"" if self._quota is None else self._quota.headers
        retry = b"retry-after: %d\r\n" % QUOTA_WINDOW_SECONDS
        return error(asked.kind, 429, "TOOMANYREQUESTS", "the pull quota is spent", retry + headers)

    def _tags(self, shelf: Assortment, request: Request) -> Answer:
        query = parse_qs(request.query)
        wanted = query.get("n", [str(self._page)])[0]
        if not wanted.isdecimal():
            return error(Kind.TAGS, 400, "PAGINATION_NUMBER_INVALID", "n is no number")
        count = min(int(wanted), self._page)
        tags = shelf.tags()
        start = _after(shelf, query.get("last", [""])[0])
        page = tags[start : start + count]
        body = orjson.dumps({"name": shelf.repository.name, "tags": page})
        link = b""
        if page and start + count < len(tags):
            following = f"/v2/{shelf.repository.name}/tags/list?last={quote(page[-1])}&n={count}"
            link = f'link: <{following}>; rel="next"\r\n'.encode()
        return Answer(200, _JSON + link, body, Kind.TAGS)


def _tags_with_digests(shelf: Assortment) -> Answer:
    """The tag list in Google's format (google/go-containerregistry, pkg/v1/google/list.go)."""
    tags: dict[str, list[str]] = {}
    named: dict[str, dict[str, object]] = {}
    for number, tag in enumerate(shelf.tags()):
        document = shelf.named(tag)
        if document is not None:
            tags.setdefault(document.digest, []).append(tag)
            named[document.digest] = {
                "mediaType": document.media_type,
                "tag": tags[document.digest],
                "timeUploadedMs": str(1_700_000_000_000 + number),
            }
    body = {"name": shelf.repository.name, "tags": shelf.tags(), "child": [], "manifest": named}
    return json_answer(orjson.dumps(body), Kind.TAGS)


def _after(shelf: Assortment, last: str) -> int:
    tags = shelf.tags()
    if not last:
        return 0
    if shelf.repository.quirk is Quirk.OLDEST_FIRST:
        return tags.index(last) + 1 if last in tags else len(tags)
    return bisect_right(tags, last)


def _blob(shelf: Assortment, digest: str) -> Answer:
    document = shelf.blob(digest)
    if document is None:
        return error(Kind.BLOB, 404, "BLOB_UNKNOWN", "blob unknown to registry")
    headers = f"content-type: application/octet-stream\r\ndocker-content-digest: {digest}\r\n".encode()
    return Answer(200, headers, document.body, Kind.BLOB)


def _accepted(document: Document, request: Request) -> bool:
    """Whether the client accepts the media type. Schema 2 needs no Accept header, as for old clients."""
    return document.media_type == DOCKER_MANIFEST or document.media_type in request.headers.get("accept", "")


def _document_headers(document: Document) -> bytes:
    return (
        f"content-type: {document.media_type}\r\n"
        f"docker-content-digest: {document.digest}\r\n"
        f'etag: "{document.digest}"\r\n'
        "docker-distribution-api-version: registry/2.0\r\n"
    ).encode()


def json_answer(body: bytes, kind: Kind | None = None) -> Answer:
    return Answer(200, _JSON, body, kind)


def error(kind: Kind, status: int, code: str, message: str, headers: bytes = b"") -> Answer:
    body = orjson.dumps({"errors": [{"code": code, "message": message}]})
    return Answer(status, _JSON + headers, body, kind)

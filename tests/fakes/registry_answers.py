"""The content of a fake registry, and the answers that serve it."""

from dataclasses import dataclass, field

import orjson
from aiohttp import web

from dockrev.oci.digest import Digest
from tests.fakes.images import Stored
from tests.fakes.registry_faults import Faults


@dataclass
class Repository:
    manifests: dict[str, Stored] = field(default_factory=dict)
    blobs: dict[str, Stored] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)


def split(path: str) -> tuple[str, str, str]:
    """Splits `/v2/library/nginx/manifests/1` into repository, kind and reference."""
    parts = path.removeprefix("/v2/").split("/")
    return ("/".join(parts[:-2]), parts[-2], parts[-1]) if len(parts) > 2 else (path, "", "")


def manifest(request: web.Request, content: Repository, reference: str, faults: Faults) -> web.StreamResponse:
    """The answer to a manifest request. Like GHCR, it is 404 if the client does not accept the media type."""
    stored = content.manifests.get(content.tags.get(reference, Digest(reference)))
    if stored and stored.media_type not in request.headers.get("Accept", ""):
        return unknown("MANIFEST_UNKNOWN")
    return stored_content(stored, faults)


def stored_content(stored: Stored | None, faults: Faults) -> web.StreamResponse:
    if stored is None:
        return unknown("MANIFEST_UNKNOWN")
    body = stored.body + b" " if faults.wrong_digest else stored.body
    headers = {"Docker-Content-Digest": stored.digest, "Content-Type": stored.media_type}
    if faults.malformed_digest_header:
        headers["Docker-Content-Digest"] = "sha256:short"
    if faults.no_digest_header:
        del headers["Docker-Content-Digest"]
    return web.Response(body=body, headers=headers)


def endless(request: web.Request, names: list[str], kind: str) -> web.StreamResponse:
    turn = int(request.query.get("turn", 0)) + 1
    following = {
        "same page": request.path_qs,
        "nothing new": f"{request.path}?turn={turn}",
        "always new": f"{request.path}?turn={turn}",
    }[kind]
    page = [f"t{turn}-{i}" for i in range(1000)] if kind == "always new" else names
    return web.json_response({"tags": page}, headers={"Link": f'<{following}>; rel="next"'})


def unknown(code: str) -> web.StreamResponse:
    body = orjson.dumps({"errors": [{"code": code}]})
    return web.Response(status=404, body=body, content_type="application/json")

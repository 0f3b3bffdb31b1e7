"""A registry in memory on loopback. It grants tokens, counts requests, and fails on demand."""

import asyncio
import base64
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal, Self

from aiohttp import web

from dockrev.clock import Clock, SystemClock
from dockrev.oci.digest import Digest
from tests.fakes.images import BOTH, FakeImage, index_image, single_image
from tests.fakes.registry_answers import Repository, endless, manifest, split, stored_content, unknown
from tests.fakes.registry_faults import Faults, Limits

Auth = Literal["none", "basic", "bearer"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HTML = "<html><body>Please log in to the hotel network</body></html>"


@dataclass
class _Grant:
    paths: frozenset[str]
    expires: datetime


class FakeRegistry:
    """`async with FakeRegistry() as registry: registry.push("library/nginx", "1.27")`

    `counts` has "head", "get_manifest", "blob", "tags", "token", "ping", "401", "404", "429", "redirect".
    `requests` lists `METHOD path?query`, and token requests as `GET /token?...`.
    """

    def __init__(
        self,
        auth: Auth = "none",
        *,
        users: Mapping[str, str] | None = None,
        private: Sequence[str] = (),
        expires_in: int | None = 300,
        page_size: int = 1000,
        latency_seconds: float = 0.0,
        realm: str | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.auth = auth
        self.users = dict(users or {})
        self.identity_tokens: set[str] = set()
        self.private = set(private)
        self.expires_in = expires_in
        self.page_size = page_size
        self.latency_seconds = latency_seconds
        self.lists_oldest_first = False
        """Lists tags oldest first, as GHCR does. The specification wants them by name."""
        self.realm = realm
        self.moved_token: str | None = None
        """The address to which `/moved` redirects, for a token server that has moved."""
        self.token_status: int | None = None
        """The status of every answer to a token request. None: a normal answer."""
        self.faults = Faults()
        self.limits = Limits()
        self.requests: list[str] = []
        self.counts: Counter[str] = Counter()
        self.authorizations: list[str | None] = []
        """The Authorization header of each request, in order."""
        self.scopes: list[int] = []
        """The number of scopes of each token request."""
        self.peak = 0
        """The highest number of concurrent requests."""
        self._in_flight = 0
        self._arrival = asyncio.Event()
        self._clock = clock or SystemClock()
        self._tls = tls
        self._repositories: dict[str, Repository] = {}
        self._repository_faults: dict[str, Faults] = {}
        self._grants: dict[str, _Grant] = {}
        self._bucket: tuple[float, float] | None = None
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Starts to listen. After `stop`, it uses the same port as before."""
        app = web.Application()
        app.router.add_route("*", "/token", self._counted(self._token))
        app.router.add_route("*", "/moved", self._counted(self._moved))
        app.router.add_route("*", "/{path:.*}", self._counted(self._registry))
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True, backlog=512
        )
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}"

    def push(
        self,
        repository: str,
        tag: str,
        *,
        platforms: Sequence[str] = BOTH,
        revision: str = "1",
        labels: Mapping[str, str] | None = None,
    ) -> Digest:
        """Pushes a multi-platform image. Another `revision` has other content. Returns the index's digest."""
        image = index_image(f"{repository}:{tag}#{revision}", platforms, labels=labels)
        return self.push_image(repository, tag, image)

    def push_single(
        self,
        repository: str,
        tag: str,
        *,
        platform: str = "linux/amd64",
        revision: str = "1",
        labels: Mapping[str, str] | None = None,
    ) -> Digest:
        image = single_image(f"{repository}:{tag}#{revision}", platform, labels=labels)
        return self.push_image(repository, tag, image)

    def push_image(self, repository: str, tag: str, image: FakeImage) -> Digest:
        content = self._repositories.setdefault(repository, Repository())
        content.manifests.update({stored.digest: stored for stored in image.manifests})
        content.blobs.update({stored.digest: stored for stored in image.configs})
        content.tags[tag] = image.digest
        return image.digest

    def retag(self, repository: str, tag: str, digest: Digest) -> None:
        """Points a tag at content that the registry already has."""
        self._repositories[repository].tags[tag] = digest

    def delete_tag(self, repository: str, tag: str) -> None:
        del self._repositories[repository].tags[tag]

    def content(self, repository: str) -> Repository:
        return self._repositories[repository]

    def share_grants_of(self, token_server: "FakeRegistry") -> None:
        """Accepts the tokens of another registry's token endpoint."""
        self._grants = token_server._grants

    def fail(self, repository: str) -> Faults:
        """The faults of one repository, to set them: `registry.fail("library/nginx").status = 500`"""
        return self._repository_faults.setdefault(repository, Faults())

    def heal(self) -> None:
        self.faults = Faults()
        self.limits = Limits()
        self._repository_faults.clear()
        self._bucket = None

    def expire_tokens(self) -> None:
        """Refuses every token that was granted so far."""
        self._grants.clear()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Waits until `happened` is true. It is called when a request arrives, before the answer."""
        async with asyncio.timeout(5):
            while not happened():
                self._arrival.clear()
                await self._arrival.wait()

    def forget_counts(self) -> None:
        self.counts.clear()
        self.requests.clear()
        self.authorizations.clear()
        self.scopes.clear()
        self.peak = 0

    def _counted(self, answer: Handler) -> Handler:
        async def counted(request: web.Request) -> web.StreamResponse:
            self.requests.append(f"{request.method} {request.path_qs}")
            self.authorizations.append(request.headers.get("Authorization"))
            self._arrival.set()
            self._in_flight += 1
            self.peak = max(self.peak, self._in_flight)
            try:
                if self.latency_seconds:
                    await asyncio.sleep(self.latency_seconds)
                response = await answer(request)
            finally:
                self._in_flight -= 1
            if response.status in {401, 404, 429}:
                self.counts[str(response.status)] += 1
            return response

        return counted

    async def _registry(self, request: web.Request) -> web.StreamResponse:
        if request.path in {"/v2", "/v2/"}:
            self.counts["ping"] += 1
            return self._challenged(request, None) or web.json_response({})
        repository, kind, reference = split(request.path)
        self._count(request.method, kind)
        faults = self._faults_of(repository)
        if faults.slow_seconds:
            await asyncio.sleep(faults.slow_seconds)
        return (
            self._broken(request, faults)
            or self._limited(request, kind)
            or self._challenged(request, repository, loop=faults.challenge_loop)
            or self._redirected(request, kind, faults)
            or self._content(request, repository, kind, reference, faults)
        )

    def _count(self, method: str, kind: str) -> None:
        name = {"blobs": "blob", "tags": "tags"}.get(kind) or ("head" if method == "HEAD" else "get_manifest")
        self.counts[name] += 1

    def _faults_of(self, repository: str) -> Faults:
        """The faults of the repository if they are set, or else those of the registry."""
        own, untouched = self._repository_faults.get(repository), Faults()
        if own is None:
            return self.faults
        differs = {f.name for f in fields(Faults) if getattr(own, f.name) != getattr(untouched, f.name)}
        return own if differs else self.faults

    def _broken(self, request: web.Request, faults: Faults) -> web.StreamResponse | None:
        if faults.down:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        if faults.status is not None and faults.status_times != 0:
            if faults.status_times is not None:
                faults.status_times -= 1
            return web.Response(status=faults.status, headers=self._retry_after())
        if faults.head_status is not None and request.method == "HEAD":
            return web.Response(status=faults.head_status)
        if request.method == "HEAD" and request.path.rpartition("/")[2] in faults.broken_tags:
            return web.Response(status=500)
        if faults.html:
            return web.Response(text=HTML, content_type="text/html")
        return None

    def _limited(self, request: web.Request, kind: str) -> web.StreamResponse | None:
        limits = self.limits
        if limits.burst is not None and not self._take_from_bucket(limits.burst, limits.rate):
            return web.Response(status=429, headers=self._retry_after())
        if limits.quota is None or kind != "manifests" or request.method != "GET":
            return None
        if limits.quota > 0:
            limits.quota -= 1
            return None
        quota = {"RateLimit-Remaining": "0;w=21600"} if limits.quota_headers else {}
        return web.Response(status=429, headers=self._retry_after() | quota)

    def _retry_after(self) -> dict[str, str]:
        return {"Retry-After": self.limits.retry_after} if self.limits.retry_after else {}

    def _take_from_bucket(self, burst: int, rate: float) -> bool:
        now = time.monotonic()
        level, since = self._bucket or (float(burst), now)
        level = min(burst, level + (now - since) * rate)
        self._bucket = (level - 1 if level >= 1 else level, now)
        return level >= 1

    def _challenged(
        self, request: web.Request, repository: str | None, *, loop: bool = False
    ) -> web.StreamResponse | None:
        header = request.headers.get("Authorization")
        if self.auth == "none" and not loop:
            return None
        if self.auth == "basic":
            if not loop and self._user(header):
                return None
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="fake, registry"'})
        error = "" if header is None else ',error="insufficient_scope"'
        grant = self._grants.get((header or "").removeprefix("Bearer "))
        if header and (grant is None or grant.expires <= self._clock.now()):
            error = ',error="invalid_token"'
        elif grant and not loop and (repository is None or repository in grant.paths):
            return None
        realm = self.realm or f"{self.url}/token"
        scope = f',scope="repository:{repository}:pull"' if repository else ""
        challenge = f'Bearer realm="{realm}",service="fake, registry"{scope}{error}'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    def _redirected(self, request: web.Request, kind: str, faults: Faults) -> web.StreamResponse | None:
        to = faults.redirect_blobs_to if kind == "blobs" else faults.redirect_to
        if to is None:
            return None
        self.counts["redirect"] += 1
        return web.Response(status=307, headers={"Location": f"{to}{request.path_qs}"})

    def _content(
        self, request: web.Request, repository: str, kind: str, reference: str, faults: Faults
    ) -> web.StreamResponse:
        content = self._repositories.get(repository)
        if content is None:
            return unknown("NAME_UNKNOWN")
        match kind:
            case "manifests":
                return manifest(request, content, reference, faults)
            case "blobs":
                return stored_content(content.blobs.get(reference), faults)
            case "tags":
                names = list(content.tags) if self.lists_oldest_first else sorted(content.tags)
                return self._tags(request, repository, names, faults)
        return unknown("UNSUPPORTED")

    def _tags(
        self, request: web.Request, repository: str, names: list[str], faults: Faults
    ) -> web.StreamResponse:
        size = min(int(request.query.get("n", self.page_size)), self.page_size)
        last = request.query.get("last", "")
        if faults.endless_tags:
            return endless(request, names, faults.endless_tags)
        rest = names[names.index(last) + 1 :] if last else names
        page, more = rest[:size], len(rest) > size
        link = f'</v2/{repository}/tags/list?n={size}&last={page[-1]}>; rel="next"' if more else None
        return web.json_response({"name": repository, "tags": page}, headers={"Link": link} if link else {})

    async def _token(self, request: web.Request) -> web.StreamResponse:
        self.counts["token"] += 1
        form = await request.post()
        scopes = request.query.getall("scope", []) or str(form.get("scope", "")).split()
        self.scopes.append(len(scopes))
        if self.faults.slow_seconds:
            await asyncio.sleep(self.faults.slow_seconds)
        if self.token_status is not None:
            return web.Response(status=self.token_status, headers=self._retry_after())
        if len(request.path_qs) > self.limits.max_url:
            return web.Response(status=414)
        if self.limits.max_scopes is not None and len(scopes) > self.limits.max_scopes:
            return web.Response(status=self.limits.merge_status)
        login = request.headers.get("Authorization")
        known = bool(self._user(login)) or form.get("refresh_token") in self.identity_tokens
        if (login or form) and not known:
            return web.Response(status=401)
        return self._granted(scopes, known)

    async def _moved(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": self.moved_token or "/"})

    def _granted(self, scopes: Sequence[str], known: bool) -> web.StreamResponse:
        asked = [scope.split(":")[1] for scope in scopes[: 1 if self.limits.only_first_scope else None]]
        paths = frozenset(path for path in asked if known or path not in self.private)
        token = secrets.token_urlsafe(12)
        life = 60 if self.expires_in is None else self.expires_in
        self._grants[token] = _Grant(paths, self._clock.now() + timedelta(seconds=life))
        expiry = {} if self.expires_in is None else {"expires_in": self.expires_in}
        return web.json_response({"token": token, **expiry})

    def _user(self, header: str | None) -> str | None:
        if not header or not header.startswith("Basic "):
            return None
        user, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        return user if self.users.get(user) == password else None

"""Pushes and deletes through a registry's HTTP API (distribution spec v2), with exactly the given bytes."""

import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from dockrev.oci import manifest as media
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from tests.testbed.images import Image

_DOCKER = {
    "manifest": media.DOCKER_MANIFEST,
    "config": "application/vnd.docker.container.image.v1+json",
    "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
_OCI = {
    "manifest": media.OCI_MANIFEST,
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
}
_IN_TOTO = "application/vnd.in-toto+json"


class RegistryRefused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Manifest:
    media_type: str
    body: bytes

    @property
    def digest(self) -> Digest:
        return Digest.of(self.body)

    def descriptor(self, **more: Any) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.body), **more}


class Distribution:
    """The API of one registry. `authorize` returns the Authorization header for a repository, or None."""

    def __init__(self, host: str, authorize: Callable[[str], str | None]) -> None:
        self._host = host
        self._authorize = authorize

    def push_image(self, repository: str, image: Image, *, oci: bool = False) -> Manifest:
        """Pushes an image by its digest, without a tag. `name` gives it a tag."""
        types = _OCI if oci else _DOCKER
        config = self._push_blob(repository, types["config"], image.config)
        layers = [self._push_blob(repository, types["layer"], layer.compressed) for layer in image.layers]
        return self._push_image_manifest(repository, types["manifest"], config, layers)

    def push_index(
        self, repository: str, images: Sequence[Image], *, attestations: bool = False
    ) -> tuple[Manifest, Mapping[Platform, Digest]]:
        """Pushes an index like BuildKit: a Docker manifest list, or an OCI index with attestations."""
        pushed = [(image.platform, self.push_image(repository, image, oci=attestations)) for image in images]
        entries = [manifest.descriptor(platform=_platform(platform)) for platform, manifest in pushed]
        if attestations:
            entries += [self._push_attestation(repository, manifest) for _, manifest in pushed]
        media_type = media.OCI_INDEX if attestations else media.DOCKER_LIST
        index = Manifest(media_type, _json(schemaVersion=2, mediaType=media_type, manifests=entries))
        self.name(repository, str(index.digest), index)
        return index, {platform: manifest.digest for platform, manifest in pushed}

    def name(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Points a tag at this manifest."""
        path = f"/v2/{repository}/manifests/{reference}"
        self.ask("PUT", repository, path, manifest.body, {"Content-Type": manifest.media_type})

    def resolve(self, repository: str, reference: str) -> Digest:
        headers = {"Accept": media.ACCEPT}
        path = f"/v2/{repository}/manifests/{reference}"
        return Digest.parse(
            self.ask("HEAD", repository, path, headers=headers).headers["Docker-Content-Digest"]
        )

    def tags(self, repository: str) -> list[str]:
        answer = json.loads(self.ask("GET", repository, f"/v2/{repository}/tags/list").body)
        return sorted(answer["tags"] or [])

    def delete(self, repository: str, digest: Digest) -> None:
        """Deletes the manifest and every tag that names it."""
        self.ask("DELETE", repository, f"/v2/{repository}/manifests/{digest}")

    def ask(
        self,
        method: str,
        repository: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> "Answer":
        """Sends a request. Raises RegistryRefused for any status of 400 or more."""
        authorization = self._authorize(repository)
        connection = http.client.HTTPConnection(self._host, timeout=30)
        try:
            sent = {**(headers or {}), **({"Authorization": authorization} if authorization else {})}
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            answer = Answer(response.status, dict(response.headers.items()), response.read())
        finally:
            connection.close()
        if answer.status >= 400:
            raise RegistryRefused(answer.status, answer.body.decode(errors="replace").strip())
        return answer

    def _push_image_manifest(
        self, repository: str, media_type: str, config: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]
    ) -> Manifest:
        body = _json(schemaVersion=2, mediaType=media_type, config=config, layers=layers)
        manifest = Manifest(media_type, body)
        self.name(repository, str(manifest.digest), manifest)
        return manifest

    def _push_attestation(self, repository: str, subject: Manifest) -> dict[str, Any]:
        """Pushes an attestation, which the index lists with the platform `unknown/unknown`.

        Source: BuildKit, docs/attestations/attestation-storage.md.
        """
        statement = _json(_type="https://in-toto.io/Statement/v0.1", subject=[], predicate={})
        config = self._push_blob(repository, _OCI["config"], _json(os="unknown", architecture="unknown"))
        layers = [self._push_blob(repository, _IN_TOTO, statement)]
        manifest = self._push_image_manifest(repository, _OCI["manifest"], config, layers)
        return manifest.descriptor(
            platform={"os": "unknown", "architecture": "unknown"},
            annotations={
                "vnd.docker.reference.digest": subject.digest,
                "vnd.docker.reference.type": "attestation-manifest",
            },
        )

    def _push_blob(self, repository: str, media_type: str, content: bytes) -> dict[str, Any]:
        digest = Digest.of(content)
        if not self._has_blob(repository, digest):
            location = self.ask("POST", repository, f"/v2/{repository}/blobs/uploads/").headers["Location"]
            target = urlsplit(location)
            self.ask("PUT", repository, f"{target.path}?{target.query}&digest={digest}", content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def _has_blob(self, repository: str, digest: Digest) -> bool:
        try:
            self.ask("HEAD", repository, f"/v2/{repository}/blobs/{digest}")
        except RegistryRefused as refusal:
            if refusal.status != 404:
                raise
            return False
        return True


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def _platform(platform: Platform) -> dict[str, str]:
    variant = {"variant": platform.variant} if platform.variant else {}
    return {"os": platform.os, "architecture": platform.architecture, **variant}


def _json(**document: Any) -> bytes:
    return json.dumps(document).encode()

"""Parses manifests and image indexes (OCI image spec: image-index.md, manifest.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from dockrev.errors import InvalidArgument, Json
from dockrev.oci.digest import Digest, is_foreign
from dockrev.oci.platform import Platform, choose

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})

ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST))
"""Send it with every request: without it registries convert or hide multi-platform images."""


@dataclass(frozen=True, slots=True)
class Child:
    platform: Platform
    digest: Digest


class MultiPlatform:
    """An image with a child for each platform."""

    __slots__ = ()
    children: tuple[Child, ...]

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return tuple(sorted({child.platform for child in self.children}, key=str))

    def digest_for(self, host: Platform) -> Digest | None:
        return choose(host, ((child.platform, child.digest) for child in self.children))


@dataclass(frozen=True, slots=True)
class Index(MultiPlatform):
    """Attestations (`unknown/unknown`), nested indexes and children with foreign digests are left out."""

    children: tuple[Child, ...]


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """A single-platform image. Only the blob at `config` says which platform."""

    config: Digest
    download_bytes: int = 0
    """The bytes that a pull transfers when the engine has none of the layers."""


def parse_manifest(body: bytes) -> Index | ImageManifest:
    """Raises InvalidArgument when the body is not the manifest or index of an image."""
    document = _mapping(body)
    media_type = document.get("mediaType")
    if _is_index(media_type) or isinstance(document.get("manifests"), list):
        return Index(tuple(_children(document)))
    config = document.get("config")
    if isinstance(config, Mapping):
        return ImageManifest(Digest.parse(str(config.get("digest"))), _download_bytes(config, document))
    raise InvalidArgument(f"unsupported manifest (mediaType {media_type!r}, no manifests, no config)")


def parse_config_platform(body: bytes) -> Platform:
    """The platform that an image config declares (OCI image spec, config.md). Raises InvalidArgument."""
    document = _mapping(body)
    os, architecture = document.get("os"), document.get("architecture")
    if not isinstance(os, str) or not isinstance(architecture, str) or not os or not architecture:
        raise InvalidArgument("the image config names no platform")
    variant = document.get("variant")
    return Platform.of(os, architecture, variant if isinstance(variant, str) else None)


def _download_bytes(config: Mapping[str, Json], document: Mapping[str, Json]) -> int:
    layers = document.get("layers")
    blobs = [config, *(layers if isinstance(layers, list) else [])]
    sizes = (blob.get("size") for blob in blobs if isinstance(blob, Mapping))
    return sum(size for size in sizes if isinstance(size, int) and size > 0)


def _children(document: Mapping[str, Json]) -> list[Child]:
    entries = document.get("manifests")
    if not isinstance(entries, list):
        raise InvalidArgument("the image index lists no manifests")
    return [child for entry in entries if isinstance(entry, Mapping) and (child := _child(entry))]


def _child(entry: Mapping[str, Json]) -> Child | None:
    declared = entry.get("platform")
    if _is_index(entry.get("mediaType")) or not isinstance(declared, Mapping):
        return None
    os, architecture, variant = (declared.get(key) for key in ("os", "architecture", "variant"))
    if not isinstance(os, str) or not isinstance(architecture, str):
        return None
    platform = Platform.of(os, architecture, variant if isinstance(variant, str) else None)
    digest = str(entry.get("digest"))
    return None if is_foreign(digest) or not platform.known else Child(platform, Digest.parse(digest))


def _is_index(media_type: Json) -> bool:
    return isinstance(media_type, str) and media_type in INDEX_TYPES


def _mapping(body: bytes) -> Mapping[str, Json]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgument("not JSON") from error
    if not isinstance(document, dict):
        raise InvalidArgument("not a JSON object")
    return document

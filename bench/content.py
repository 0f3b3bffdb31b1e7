"""Computes the content behind a tag, as a pure function of seed, repository and build."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from bench.catalogue import Repository

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
IN_TOTO = "application/vnd.in-toto+json"

HOST_PLATFORM = "linux/amd64"
PLATFORMS = (HOST_PLATFORM, "linux/arm64")

_EMPTY_TAR = bytes(1024)
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)

JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Document:
    media_type: str
    body: bytes
    digest: str

    @classmethod
    def of(cls, media_type: str, body: bytes) -> "Document":
        return cls(media_type, body, f"sha256:{hashlib.sha256(body).hexdigest()}")

    def descriptor(self, **extra: object) -> JsonObject:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.body), **extra}


_EMPTY_LAYER = Document.of(OCI_LAYER, gzip.compress(_EMPTY_TAR, mtime=0))
_EMPTY_DOCKER_LAYER = Document.of(DOCKER_LAYER, _EMPTY_LAYER.body)


@dataclass(frozen=True, slots=True)
class Build:
    """A pushed image: the document that a tag names, and everything that it refers to."""

    name: str
    top: Document
    platforms: Mapping[str, Document]
    attestation: Document | None
    blobs: tuple[Document, ...]
    image_id: str
    """The image id on the host's platform, which is the digest of the config."""

    @property
    def manifests(self) -> tuple[Document, ...]:
        attestations = () if self.attestation is None else (self.attestation,)
        return (self.top, *self.platforms.values(), *attestations)


def build(seed: str, repository: Repository, name: str, again: int = 0) -> Build:
    """Builds the image. `again` is the number of earlier builds of this release; each has other content."""
    seed = f"{seed}+{again}" if again else seed
    if repository.multi_platform:
        return _multi_platform(seed, repository, name)
    config = Document.of(DOCKER_CONFIG, _config(seed, repository, name, HOST_PLATFORM))
    manifest = _manifest(DOCKER_MANIFEST, config, _EMPTY_DOCKER_LAYER)
    return Build(
        name, manifest, {HOST_PLATFORM: manifest}, None, (config, _EMPTY_DOCKER_LAYER), config.digest
    )


def labels(repository: Repository, name: str) -> dict[str, str]:
    title = {"org.opencontainers.image.title": repository.name}
    return title | ({"org.opencontainers.image.version": name} if repository.labelled else {})


def _multi_platform(seed: str, repository: Repository, name: str) -> Build:
    configs = {
        platform: Document.of(OCI_CONFIG, _config(seed, repository, name, platform)) for platform in PLATFORMS
    }
    manifests = {
        platform: _manifest(OCI_MANIFEST, config, _EMPTY_LAYER) for platform, config in configs.items()
    }
    statement = Document.of(IN_TOTO, _statement(repository, manifests[HOST_PLATFORM]))
    bare = Document.of(
        OCI_CONFIG,
        orjson.dumps(
            {
                "architecture": "unknown",
                "os": "unknown",
                "rootfs": {"type": "layers", "diff_ids": [statement.digest]},
            }
        ),
    )
    attestation = _manifest(OCI_MANIFEST, bare, statement)
    children = [manifest.descriptor(platform=_platform(name)) for name, manifest in manifests.items()]
    children.append(
        attestation.descriptor(
            platform=_platform("unknown/unknown"),
            annotations={
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": manifests[HOST_PLATFORM].digest,
            },
        )
    )
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}
    return Build(
        name=name,
        top=Document.of(OCI_INDEX, orjson.dumps(index)),
        platforms=manifests,
        attestation=attestation,
        blobs=(*configs.values(), bare, statement, _EMPTY_LAYER),
        image_id=configs[HOST_PLATFORM].digest,
    )


def _manifest(media_type: str, config: Document, layer: Document) -> Document:
    content = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
    }
    return Document.of(media_type, orjson.dumps(content))


def _config(seed: str, repository: Repository, name: str, platform: str) -> bytes:
    days = int(hashlib.sha256(f"{repository.name} {name}".encode()).hexdigest()[:3], 16) % 2000
    content = {
        "created": (_EPOCH + timedelta(days=days)).isoformat().replace("+00:00", "Z"),
        **_platform(platform),
        "config": {
            "Env": [f"BENCH_BUILD={seed}/{repository.name}:{name}"],
            "Cmd": ["/serve"],
            "Labels": labels(repository, name),
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(_EMPTY_TAR).hexdigest()}"]},
    }
    return orjson.dumps(content)


def _statement(repository: Repository, subject: Document) -> bytes:
    content = {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{"name": repository.name, "digest": {"sha256": subject.digest.removeprefix("sha256:")}}],
        "predicate": {},
    }
    return orjson.dumps(content)


def _platform(text: str) -> dict[str, str]:
    os, _, architecture = text.partition("/")
    return {"architecture": architecture, "os": os}

"""Image content for fake registries: real manifests, indexes and configs, made from a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from dockrev.oci.digest import Digest
from dockrev.oci.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
BOTH = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True)
class Stored:
    media_type: str
    body: bytes

    @property
    def digest(self) -> Digest:
        return Digest.of(self.body)


@dataclass
class FakeImage:
    """`top` is the manifest or index that a tag names. `manifests` holds it and the children of an index."""

    top: Stored
    manifests: list[Stored] = field(default_factory=list)
    configs: list[Stored] = field(default_factory=list)
    children: dict[str, Digest] = field(default_factory=dict)
    """Manifest digests by platform."""

    @property
    def digest(self) -> Digest:
        return self.top.digest


def index_image(
    seed: str,
    platforms: Sequence[str] = BOTH,
    *,
    attestation: bool = True,
    docker: bool = False,
    labels: Mapping[str, str] | None = None,
) -> FakeImage:
    """A multi-platform image with an attestation entry `unknown/unknown`, as BuildKit pushes it."""
    singles = {platform: single_image(seed, platform, docker=docker, labels=labels) for platform in platforms}
    entries = [
        _descriptor(single.top) | {"platform": _platform(platform)} for platform, single in singles.items()
    ]
    if attestation:
        proof = single_image(f"{seed} attestation", "unknown/unknown", docker=docker)
        entries.append(_descriptor(proof.top) | {"platform": _platform("unknown/unknown")})
    media_type = DOCKER_LIST if docker else OCI_INDEX
    top = _stored(media_type, {"schemaVersion": 2, "mediaType": media_type, "manifests": entries})
    image = FakeImage(top, [top], [], {name: single.digest for name, single in singles.items()})
    for single in singles.values():
        image.manifests += single.manifests
        image.configs += single.configs
    return image


def single_image(
    seed: str, platform: str = "linux/amd64", *, docker: bool = False, labels: Mapping[str, str] | None = None
) -> FakeImage:
    """A single-platform image. Only its config names the platform."""
    content = {
        **_platform(platform),
        "created": "2026-01-01T00:00:00Z",
        "config": {"Env": [f"SEED={seed}"], "Labels": dict(labels or {})},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    config = _stored(CONFIG_TYPE, content)
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": _descriptor(config),
        "layers": [],
    }
    top = _stored(media_type, document)
    return FakeImage(top, [top], [config], {platform: top.digest})


def _platform(text: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))


def _descriptor(content: Stored) -> dict[str, object]:
    return {"mediaType": content.media_type, "digest": content.digest, "size": len(content.body)}


def _stored(media_type: str, document: Mapping[str, object]) -> Stored:
    return Stored(media_type, orjson.dumps(document))

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockrev.errors import InvalidArgument
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Child,
    ImageManifest,
    Index,
    parse_config_platform,
    parse_manifest,
)
from dockrev.oci.platform import Platform

ONE, TWO, THREE = (Digest.of(name) for name in (b"one", b"two", b"three"))
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def entry(digest: str, os: str = "linux", architecture: str = "amd64", **more: object) -> dict[str, object]:
    return {"digest": digest, "platform": {"os": os, "architecture": architecture, **more}}


def index(*manifests: object, **more: object) -> bytes:
    return orjson.dumps({"schemaVersion": 2, "manifests": list(manifests), **more})


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST, None])
def test_an_index_lists_its_platforms(media_type: str | None) -> None:
    body = index(entry(ONE), entry(TWO, architecture="arm64", variant="v8"), mediaType=media_type)

    manifest = parse_manifest(body)

    assert manifest == Index((Child(AMD64, ONE), Child(ARM64, TWO)))
    assert isinstance(manifest, Index)
    assert manifest.platforms == (AMD64, ARM64)
    assert manifest.digest_for(ARM64) == TWO
    assert manifest.digest_for(Platform("linux", "s390x")) is None


@pytest.mark.parametrize(
    "ignored",
    [
        entry(TWO, "unknown", "unknown"),
        entry(TWO) | {"mediaType": OCI_INDEX},
        entry(TWO) | {"platform": None},
        {"digest": TWO},
        entry("blake3:0a0a"),
        {"digest": TWO, "platform": {"os": "linux"}},
        "nonsense",
        None,
    ],
)
def test_entries_that_no_engine_runs_are_left_out(ignored: object) -> None:
    assert parse_manifest(index(entry(ONE), ignored)) == Index((Child(AMD64, ONE),))


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST, None])
def test_a_single_platform_image_points_to_its_config(media_type: str | None) -> None:
    body = orjson.dumps({"mediaType": media_type, "config": {"digest": THREE}, "layers": []})

    assert parse_manifest(body) == ImageManifest(THREE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"schemaVersion":1,"fsLayers":[]}',
        b'{"config":{}}',
        b'{"config":{"digest":"sha256:short"}}',
        b'{"mediaType":[],"config":[]}',
        orjson.dumps({"mediaType": OCI_INDEX}),
        orjson.dumps({"mediaType": OCI_INDEX, "manifests": {}}),
        index(entry("sha256:short")),
        b"[" * 100_000,
    ],
)
def test_what_no_engine_can_run_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidArgument):
        parse_manifest(body)


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=8), st.just(OCI_INDEX)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["mediaType", "manifests", "config", "digest", "platform", "os", "architecture"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(_json)
def test_any_json_is_a_manifest_or_refused(document: object) -> None:
    for parse in (parse_manifest, parse_config_platform):
        try:
            parsed = parse(orjson.dumps(document))
        except InvalidArgument:
            continue
        assert isinstance(parsed, Index | ImageManifest | Platform)


@pytest.mark.parametrize(
    ("config", "platform"),
    [
        ({"os": "linux", "architecture": "amd64"}, AMD64),
        ({"os": "linux", "architecture": "arm64", "variant": "v8"}, ARM64),
        ({"os": "linux", "architecture": "arm", "variant": "v7"}, Platform("linux", "arm", "v7")),
        ({"os": "linux", "architecture": "amd64", "variant": 3}, AMD64),
    ],
)
def test_an_image_config_declares_its_platform(config: dict[str, object], platform: Platform) -> None:
    assert parse_config_platform(orjson.dumps(config)) == platform


@pytest.mark.parametrize(
    "body", [b"{}", b'{"os":"linux"}', b'{"os":"","architecture":"amd64"}', b"helm", b"[]"]
)
def test_a_config_of_something_else_names_no_platform(body: bytes) -> None:
    with pytest.raises(InvalidArgument):
        parse_config_platform(body)

"""The testbed's registries as clients see them."""

import json
import urllib.error
import urllib.request

import pytest

from dockrev.oci.manifest import DOCKER_LIST, OCI_INDEX, Index, parse_manifest
from dockrev.oci.platform import Platform
from tests.testbed.access import OPERATOR
from tests.testbed.bed import Bed
from tests.testbed.distribution import RegistryRefused
from tests.testbed.images import HOST_PLATFORM, Images
from tests.testbed.registry import Pushed, Registry

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def test_a_pushed_tag_names_the_pushed_manifest(registry: Registry, images: Images) -> None:
    pushed = registry.push(images.build("web", version="1.0"), "web:1.0")

    assert registry.digest("web:1.0") == pushed.digest
    assert pushed.children == {HOST_PLATFORM: pushed.digest}
    assert pushed.ref.tag == "1.0"
    assert pushed.ref.registry == registry.host


def test_pushing_again_moves_the_tag(registry: Registry, images: Images) -> None:
    old = registry.push(images.build("web", version="1.0"), "web:latest")
    new = registry.push(images.build("web", version="1.1"), "web:latest")

    assert old.digest != new.digest == registry.digest("web:latest")


def test_equal_images_have_equal_digests(registry: Registry, images: Images) -> None:
    first = registry.push(images.build("web", version="1.0"), "web:1.0")
    second = registry.push(images.build("web", version="1.0"), "other:latest")

    assert first.digest == second.digest


def test_a_deleted_tag_is_gone(registry: Registry, images: Images) -> None:
    registry.push(images.build("web", version="1.0"), "web:1.0")
    registry.push(images.build("web", version="1.1"), "web:1.1")

    registry.delete("web:1.0")

    assert registry.tags("web") == ["1.1"]
    with pytest.raises(RegistryRefused, match="404"):
        registry.digest("web:1.0")


def test_namespaces_keep_equal_names_apart(bed: Bed, images: Images) -> None:
    left, right = bed.registry.within("left"), bed.registry.within("right")
    pushed = left.push(images.build("web"), "apart:1")

    assert pushed.name == f"{bed.registry.host}/left/apart:1"
    with pytest.raises(RegistryRefused, match="404"):
        right.digest("apart:1")


@pytest.mark.parametrize(("attestations", "media_type"), [(False, DOCKER_LIST), (True, OCI_INDEX)])
def test_an_index_lists_its_platforms(
    registry: Registry, images: Images, attestations: bool, media_type: str
) -> None:
    builds = [images.build("web", version="1.0", platform=platform) for platform in (AMD64, ARM64)]

    pushed = registry.push_index(builds, "web:1.0", attestations=attestations)

    body = _fetch_manifest(pushed)
    index = parse_manifest(body)
    assert isinstance(index, Index)
    assert json.loads(body)["mediaType"] == media_type
    assert {child.platform: child.digest for child in index.children} == pushed.children
    assert body.count(b"attestation-manifest") == (2 if attestations else 0)


def test_a_registry_with_passwords_answers_only_its_account(bed: Bed, images: Images) -> None:
    registry = bed.password_registry
    registry.push(images.build("web"), "locked:1")

    assert _status(f"http://{registry.host}/v2/locked/tags/list") == 401
    assert _status(f"http://{registry.host}/v2/locked/tags/list", f"Basic {OPERATOR.basic}") == 200


def test_a_registry_with_tokens_names_its_token_server(bed: Bed, images: Images) -> None:
    registry = bed.token_registry
    registry.push(images.build("web"), "locked:1")

    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"http://{registry.host}/v2/locked/tags/list", timeout=10)

    with refusal.value as answer:
        assert 'scope="repository:locked:pull"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("repository", "status"), [("public/web", 200), ("web", 401)])
def test_without_an_account_only_public_repositories_can_be_read(
    bed: Bed, images: Images, repository: str, status: int
) -> None:
    registry = bed.token_registry
    registry.push(images.build("web"), f"anonymous/{repository}:1")
    name = f"anonymous/{repository}"

    token = _token(bed, f"repository:{name}:pull")

    assert _status(f"http://{registry.host}/v2/{name}/tags/list", f"Bearer {token}") == status


def test_the_token_server_refuses_a_wrong_password(bed: Bed) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401") as refusal:
        _token(bed, "repository:web:pull", "Basic d3Jvbmc6d3Jvbmc=")
    refusal.value.close()


def _token(bed: Bed, scope: str, authorization: str | None = None) -> str:
    challenge = _challenge(f"http://{bed.token_registry.host}/v2/")
    realm = challenge.partition('realm="')[2].partition('"')[0]
    url = f"{realm}?service=testbed%20registry&scope={scope}"
    with urllib.request.urlopen(_request(url, authorization), timeout=10) as answer:
        return str(json.load(answer)["token"])


def _challenge(url: str) -> str:
    try:
        urllib.request.urlopen(url, timeout=10).close()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return str(refusal.headers["WWW-Authenticate"])
    raise AssertionError(f"{url} requires no authentication")


def _status(url: str, authorization: str | None = None) -> int:
    try:
        with urllib.request.urlopen(_request(url, authorization), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def _request(url: str, authorization: str | None) -> urllib.request.Request:
    return urllib.request.Request(url, headers={"Authorization": authorization} if authorization else {})


def _fetch_manifest(pushed: Pushed) -> bytes:
    request = urllib.request.Request(
        f"http://{pushed.ref.registry}/v2/{pushed.ref.path}/manifests/{pushed.digest}",
        headers={"Accept": f"{DOCKER_LIST}, {OCI_INDEX}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return bytes(answer.read())

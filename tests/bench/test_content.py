import hashlib

import pytest
from bench.catalogue import FEWEST_TAGS, LARGE_TAGS, Quirk, Repository, TagPlan, repositories, version
from bench.content import Build, Document, build, labels
from bench.shelf import Shelf
from bench.truth import truth_of

from dockrev.oci.digest import Digest
from dockrev.oci.manifest import ImageManifest, Index, parse_config_platform, parse_manifest
from dockrev.oci.platform import Platform

INDEXED = Repository("bench/indexed", 60)
SINGLE = Repository("bench/single", 60, multi_platform=False, labelled=False)


@pytest.mark.parametrize("tags", [FEWEST_TAGS, 11, 60, 200, 1_000, LARGE_TAGS])
def test_a_repository_has_exactly_the_given_number_of_tags(tags: int) -> None:
    assert len(TagPlan.of(Repository("bench/any", tags)).names()) == tags


def test_too_few_tags_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 tags"):
        list(repositories(1, FEWEST_TAGS - 1))


def test_versions_are_ordered_by_number_and_not_by_text() -> None:
    versions = [version(release) for release in range(400)]

    assert versions == sorted(versions, key=lambda text: [int(part) for part in text.split(".")])
    assert versions != sorted(versions)
    assert len(set(versions)) == 400


def test_floating_tags_name_their_newest_release() -> None:
    names = TagPlan(released=200, junk=()).names()

    assert names["latest"] == version(199)
    assert names["stable"] == version(197)
    assert names["2"] == version(199)
    assert names["1"] == version(143) == "1.11.11"
    assert names["1.2"] == "1.2.11"


def test_one_tag_in_twenty_is_junk() -> None:
    plan = TagPlan.of(Repository("bench/any", 200))

    assert 10 <= len(plan.junk) <= 12
    assert "nightly" in plan.junk
    assert any(tag.endswith(".sig") for tag in plan.junk)


def test_the_catalogue_mixes_kinds_of_images_and_adds_odd_repositories() -> None:
    known = list(repositories(100, 200))

    assert len({repository.name for repository in known}) == 106
    assert sum(not repository.multi_platform for repository in known) == 10
    assert sum(repository.labelled for repository in known[:100]) == 50
    assert [repository.quirk for repository in known[100:]] == [
        Quirk.LARGE,
        Quirk.LARGE,
        Quirk.LARGE,
        Quirk.MISSING,
        Quirk.BROKEN,
        Quirk.OLDEST_FIRST,
    ]


def test_content_depends_only_on_seed_repository_and_build() -> None:
    first = build("a", INDEXED, "1.0.0")

    assert first == build("a", INDEXED, "1.0.0")
    others = [
        build("b", INDEXED, "1.0.0"),
        build("a", INDEXED, "1.0.1"),
        build("a", Repository("bench/other", 60), "1.0.0"),
    ]
    assert len({first.top.digest, *(other.top.digest for other in others)}) == 4
    assert len({first.image_id, *(other.image_id for other in others)}) == 4


@pytest.mark.parametrize("repository", [INDEXED, SINGLE], ids=lambda repository: repository.name)
def test_every_digest_is_the_hash_of_its_bytes(repository: Repository) -> None:
    made = build("seed", repository, "1.0.0")

    for document in (*made.manifests, *made.blobs):
        assert document.digest == f"sha256:{hashlib.sha256(document.body).hexdigest()}"


def test_an_index_lists_two_platforms_that_an_engine_can_run_and_hides_its_attestation() -> None:
    made = build("seed", INDEXED, "1.0.0")
    index = parse_manifest(made.top.body)

    assert isinstance(index, Index)
    assert {str(child.platform): child.digest for child in index.children} == {
        platform: manifest.digest for platform, manifest in made.platforms.items()
    }
    assert made.attestation is not None
    assert made.attestation.digest.encode() in made.top.body


@pytest.mark.parametrize("repository", [INDEXED, SINGLE], ids=lambda repository: repository.name)
def test_each_manifest_leads_to_a_config_that_declares_its_platform(repository: Repository) -> None:
    made = build("seed", repository, "1.0.0")
    blobs = _by_digest(made)

    for platform, document in made.platforms.items():
        manifest = parse_manifest(document.body)
        assert isinstance(manifest, ImageManifest)
        assert parse_config_platform(blobs[manifest.config].body) == Platform.parse(platform)
    host = parse_manifest(made.platforms["linux/amd64"].body)
    assert isinstance(host, ImageManifest)
    assert made.image_id == host.config


def test_only_labelled_repositories_have_a_version_label() -> None:
    assert labels(INDEXED, "1.0.0")["org.opencontainers.image.version"] == "1.0.0"
    assert "org.opencontainers.image.version" not in labels(SINGLE, "1.0.0")


def test_the_truth_names_what_latest_names_now_and_named_before() -> None:
    shelf = Shelf("seed", INDEXED)
    before = truth_of(shelf)

    shelf.publish()
    after = truth_of(shelf)

    assert after.before == before.latest
    assert after.latest.digest != before.latest.digest
    assert after.tags == before.tags + 1
    named = shelf.named("latest")
    assert named is not None
    assert after.latest.digest == named.digest == Digest.of(named.body)
    assert shelf.named(before.latest.version) == shelf.manifest(before.latest.digest)


def test_a_digest_that_was_never_requested_by_tag_is_served() -> None:
    oldest = build("seed", INDEXED, "1.0.0")

    assert Shelf("seed", INDEXED).manifest(oldest.top.digest) == oldest.top
    assert Shelf("seed", INDEXED).blob(oldest.image_id) == _by_digest(oldest)[oldest.image_id]


def test_a_release_that_is_not_published_yet_is_not_served() -> None:
    shelf = Shelf("seed", INDEXED)
    coming = version(TagPlan.of(INDEXED).released)

    assert shelf.named(coming) is None
    assert shelf.manifest(build("seed", INDEXED, coming).top.digest) is None


def _by_digest(made: Build) -> dict[str, Document]:
    return {blob.digest: blob for blob in made.blobs}

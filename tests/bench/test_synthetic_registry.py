import hashlib

import orjson
import pytest
from bench.catalogue import LARGE_TAGS
from bench.registry_options import Auth, Behaviour, TagList
from bench.traffic import Kind

from dockrev.oci.manifest import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Index, parse_manifest
from tests.bench.asking import Asker, asking

OPEN = Behaviour(auth=Auth.NONE)
REPOSITORY = "bench/service-0000"
SINGLE = "bench/service-0009"
LATEST = f"/v2/{REPOSITORY}/manifests/latest"


@pytest.mark.parametrize("repository", [REPOSITORY, SINGLE])
async def test_head_and_get_agree_and_the_digest_is_the_hash_of_the_body(repository: str) -> None:
    async with asking(OPEN) as registry:
        head = await registry.ask(f"/v2/{repository}/manifests/latest", "HEAD")
        get = await registry.ask(f"/v2/{repository}/manifests/latest")

    assert (head.status, get.status) == (200, 200)
    assert head.headers == get.headers
    assert head.body == b""
    assert int(head.headers["content-length"]) == len(get.body)
    assert get.headers["docker-content-digest"] == f"sha256:{hashlib.sha256(get.body).hexdigest()}"
    assert get.headers["etag"] == f'"{get.headers["docker-content-digest"]}"'


async def test_everything_below_an_index_can_be_fetched_and_matches_its_digest() -> None:
    async with asking(OPEN) as registry:
        index = parse_manifest((await registry.ask(LATEST)).body)
        assert isinstance(index, Index)
        for child in index.children:
            manifest = await registry.ask(f"/v2/{REPOSITORY}/manifests/{child.digest}")
            assert manifest.headers["content-type"] == OCI_MANIFEST
            assert hashlib.sha256(manifest.body).hexdigest() == child.digest.removeprefix("sha256:")
            parsed = parse_manifest(manifest.body)
            assert not isinstance(parsed, Index)
            config = await registry.ask(f"/v2/{REPOSITORY}/blobs/{parsed.config}")
            assert hashlib.sha256(config.body).hexdigest() == parsed.config.removeprefix("sha256:")


async def test_the_truth_is_what_the_registry_answers() -> None:
    async with asking(OPEN) as registry:
        for truth in registry.control.truth.values():
            if not truth.name.startswith("bench/"):
                continue
            for release, tag in ((truth.latest, "latest"), (truth.before, truth.before.version)):
                answer = await registry.ask(f"/v2/{truth.name}/manifests/{tag}")
                assert answer.headers["docker-content-digest"] == release.digest
                index = parse_manifest(answer.body)
                if isinstance(index, Index):
                    children = {str(child.platform): child.digest for child in index.children}
                    assert children == release.platforms
                else:
                    assert release.platforms == {"linux/amd64": release.digest}
                    assert release.image_id == index.config


async def test_a_move_publishes_one_release_of_only_the_named_repository() -> None:
    async with asking(OPEN) as registry:
        before = dict(registry.control.truth)
        await registry.control.move([REPOSITORY])
        after = registry.control.truth
        latest = await registry.ask(LATEST, "HEAD")

    assert after[REPOSITORY].before == before[REPOSITORY].latest
    assert latest.headers["docker-content-digest"] == after[REPOSITORY].latest.digest
    assert {name for name in after if after[name] != before[name]} == {REPOSITORY}


async def test_a_rebuild_changes_the_content_of_all_tags_of_the_newest_release() -> None:
    async with asking(OPEN) as registry:
        before = dict(registry.control.truth)
        await registry.control.rebuild([REPOSITORY])
        after = registry.control.truth
        version = after[REPOSITORY].latest.version
        latest = await registry.ask(LATEST, "HEAD")
        named = await registry.ask(f"/v2/{REPOSITORY}/manifests/{version}", "HEAD")
        kept = await registry.ask(f"/v2/{REPOSITORY}/manifests/{before[REPOSITORY].latest.digest}", "HEAD")
        await registry.control.rebuild([REPOSITORY])

    assert version == before[REPOSITORY].latest.version
    assert after[REPOSITORY].tags == before[REPOSITORY].tags
    assert after[REPOSITORY].before == before[REPOSITORY].before
    digest = after[REPOSITORY].latest.digest
    assert latest.headers["docker-content-digest"] == named.headers["docker-content-digest"] == digest
    assert kept.status == 200
    builds = {truths[REPOSITORY].latest.digest for truths in (before, after, registry.control.truth)}
    assert len(builds) == 3
    assert {name for name in after if after[name] != before[name]} == {REPOSITORY}


async def test_flavoured_repositories_are_served_with_their_references() -> None:
    async with asking(OPEN) as registry:
        references = await registry.control.references()
        for reference in references:
            for tag in (reference.tag, reference.version):
                answer = await registry.ask(f"/v2/{reference.repository}/manifests/{tag}", "HEAD")
                assert answer.headers["docker-content-digest"] == reference.digest

    assert len(references) >= 25
    assert not {reference.repository for reference in references} & registry.control.truth.keys()
    tags = {reference.tag for reference in references}
    assert {"stable-6", "stable-alpine", "nanoserver-1809", "version-4.0.0", "rc-fpm", "unstable"} <= tags


async def test_an_index_is_hidden_from_clients_that_do_not_accept_indexes() -> None:
    async with asking(OPEN) as registry:
        old = await registry.ask(LATEST, headers={"accept": DOCKER_MANIFEST})
        anything = await registry.ask(LATEST, headers={"accept": "*/*"})
        named = await registry.ask(LATEST, headers={"accept": OCI_INDEX})
        schema2 = await registry.ask(f"/v2/{SINGLE}/manifests/latest", headers={"accept": "*/*"})

    assert [reply.status for reply in (old, anything, named, schema2)] == [404, 404, 200, 200]


async def test_a_known_etag_is_answered_without_a_body() -> None:
    async with asking(OPEN) as registry:
        first = await registry.ask(LATEST)
        again = await registry.ask(LATEST, headers={"if-none-match": first.headers["etag"]})
        other = await registry.ask(LATEST, headers={"if-none-match": '"sha256:0"'})

    assert (again.status, again.body) == (304, b"")
    assert (other.status, other.body) == (200, first.body)


async def test_tag_lists_are_cut_into_pages_that_link_to_the_next() -> None:
    async with asking(Behaviour(auth=Auth.NONE, page=25)) as registry:
        asked_more = await _pages(registry, f"/v2/{REPOSITORY}/tags/list?n=1000")
        asked_less = await _pages(registry, f"/v2/{REPOSITORY}/tags/list?n=7")

    assert [len(page) for page in asked_more] == [25, 25, 10]
    assert [len(page) for page in asked_less] == [7] * 8 + [4]
    tags = [tag for page in asked_more for tag in page]
    assert tags == sorted(set(tags)) == [tag for page in asked_less for tag in page]


async def test_the_odd_repositories_are_odd() -> None:
    async with asking(OPEN) as registry:
        large = await _pages(registry, "/v2/odd/large-0/tags/list")
        unordered = await _pages(registry, "/v2/odd/oldest-first/tags/list?n=20")
        missing = await registry.ask("/v2/odd/missing/manifests/latest", "HEAD")
        broken = await registry.ask("/v2/odd/broken/tags/list")

    assert [len(page) for page in large] == [1000] * 5
    assert len({tag for page in large for tag in page}) == LARGE_TAGS
    listed = [tag for page in unordered for tag in page]
    assert listed[0] == "1.0.0"
    assert len(set(listed)) == len(listed) == 60
    assert listed != sorted(listed)
    assert (missing.status, broken.status) == (404, 500)


@pytest.mark.parametrize(
    ("query", "status", "tags"),
    [("n=0", 200, 0), ("n=x", 400, None), ("n=-1", 400, None), ("last=zzz", 200, 0)],
)
async def test_unusual_pages_are_answered_by_the_specification(
    query: str, status: int, tags: int | None
) -> None:
    async with asking(OPEN) as registry:
        reply = await registry.ask(f"/v2/{REPOSITORY}/tags/list?{query}")

    assert reply.status == status
    assert "link" not in reply.headers
    if tags is not None:
        assert reply.json["tags"] == []


@pytest.mark.parametrize(
    "path",
    [
        f"/v2/{REPOSITORY}/manifests/9.9.9",
        f"/v2/{REPOSITORY}/manifests/sha256:{'0' * 64}",
        f"/v2/{REPOSITORY}/blobs/sha256:{'0' * 64}",
        "/v2/bench/nobody/manifests/latest",
        f"/v2/{REPOSITORY}/tags/other",
        "/v1/anything",
    ],
)
async def test_missing_resources_are_not_found(path: str) -> None:
    async with asking(OPEN) as registry:
        assert (await registry.ask(path)).status == 404


async def test_counts_are_exact_by_kind_and_status_and_a_reset_clears_them() -> None:
    async with asking(OPEN) as registry:
        digest = (await registry.ask(LATEST, "HEAD")).headers["docker-content-digest"]
        await registry.ask(LATEST)
        await registry.ask(f"/v2/{REPOSITORY}/manifests/{digest}", "HEAD")
        await registry.ask(f"/v2/{REPOSITORY}/manifests/{digest}")
        await registry.ask(f"/v2/{REPOSITORY}/manifests/nothing")
        await registry.ask(f"/v2/{REPOSITORY}/tags/list")
        await registry.ask("/v2/")
        report = await registry.stats()
        await registry.control.reset()
        empty = await registry.stats()

    assert report.answers == {
        Kind.HEAD_TAG: {200: 1},
        Kind.GET_TAG: {200: 1, 404: 1},
        Kind.HEAD_DIGEST: {200: 1},
        Kind.GET_DIGEST: {200: 1},
        Kind.TAGS: {200: 1},
        Kind.PING: {200: 1},
    }
    assert (report.requests, report.counted_pulls, report.status(404)) == (7, 2, 1)
    assert (report.connections, report.peak_in_flight, report.abandoned) == (1, 1, 0)
    assert report.span_ms > 0
    assert (empty.requests, empty.bytes_sent, empty.span_ms) == (0, 0, 0)


async def _pages(registry: Asker, path: str) -> list[list[str]]:
    pages = []
    following: str | None = path
    while following:
        reply = await registry.ask(following)
        tags = reply.json["tags"]
        assert isinstance(tags, list)
        pages.append([str(tag) for tag in tags])
        link = reply.headers.get("link", "")
        following = link[link.index("<") + 1 : link.index(">")] if link else None
    return pages


async def test_googles_tag_list_has_all_tags_with_their_digests() -> None:
    behaviour = Behaviour(page=10, tag_list=TagList.GOOGLE)
    async with asking(behaviour) as registry:
        refused = await registry.ask(f"/v2/{REPOSITORY}/tags/list")
        assert "/v2/token" in refused.headers["www-authenticate"]
    async with asking(Behaviour(auth=Auth.NONE, page=10, tag_list=TagList.GOOGLE)) as registry:
        truth = registry.control.truth[REPOSITORY]
        answer = await registry.ask(f"/v2/{REPOSITORY}/tags/list")
        manifest = orjson.loads(answer.body)["manifest"]
    assert "latest" in manifest[truth.latest.digest]["tag"]
    assert truth.before.version in manifest[truth.before.digest]["tag"]
    assert sum(len(entry["tag"]) for entry in manifest.values()) == truth.tags
    assert "link" not in answer.headers

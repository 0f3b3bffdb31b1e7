"""The order in which the backfill completes repositories."""

import pytest

from dockrev.inference.backfill_order import (
    Unfinished,
    backfill_order,
    first_of_each_registry,
    repositories_to_list,
)
from dockrev.inference.tag_list import TagList
from dockrev.oci.ref import ImageRef
from dockrev.versions.models import VersionKnowledge
from dockrev.versions.service_image import ServiceImage
from tests.inference.building import AMD64, digest


def image(repository: str, name: str = "x", tag: str = "latest", *, checked: bool = True) -> ServiceImage:
    ref = ImageRef.parse(f"{repository}:latest")
    return ServiceImage("svc_web", ref, tag, AMD64, digest(name), checked=checked)


def known(**tags: str) -> VersionKnowledge:
    """The tags of the content `x` in `r.io/<name>`."""
    named = {(f"r.io/{name}", digest("x")): tuple(each.split()) for name, each in tags.items()}
    return VersionKnowledge(named, {}, {})


@pytest.mark.parametrize(
    ("unknown", "knowledge", "expected"),
    [
        pytest.param({"a": 400, "b": 3}, known(a="1.4.0", b="1.4.0"), "b a", id="the smaller one first"),
        pytest.param(
            {"a": 3, "b": 400}, known(a="1.4.0"), "b a", id="a missing version counts more than the size"
        ),
        pytest.param({"a": 3, "b": 9}, known(a="1.4.0", b="latest"), "b a", id="a moving tag is no version"),
        pytest.param({"a": 400, "b": 3}, known(), "b a", id="the smaller one if both miss a version"),
        pytest.param({"a": 0, "b": 3}, known(b="1.4.0"), "b", id="complete"),
        pytest.param({"a": 0, "b": 0}, known(), "", id="all complete"),
        pytest.param({"a": 3}, known(a="1.4.0", b="1.4.0"), "b a", id="a repository without a list first"),
        pytest.param({"a": 3, "b": 3}, known(a="1.4.0", b="1.4.0"), "a b", id="by name"),
    ],
)
def test_repositories_are_in_this_order(
    unknown: dict[str, int], knowledge: VersionKnowledge, expected: str
) -> None:
    counts = {f"r.io/{name}": count for name, count in unknown.items()}
    order = backfill_order([image("r.io/a"), image("r.io/b")], counts, knowledge, {})
    assert [each.ref.path for each in order] == expected.split()


def test_one_digest_without_a_version_puts_its_repository_first() -> None:
    both = [image("r.io/a", "x"), image("r.io/a", "y")]
    assert backfill_order(both, {"r.io/a": 3}, known(a="1.4.0"), {}) == [
        Unfinished(ImageRef.parse("r.io/a:latest"), unnamed=True, unknown=3)
    ]


def test_a_service_with_a_version_as_its_tag_does_not_count_as_unnamed() -> None:
    pinned = image("r.io/a", tag="1.4.0")
    assert backfill_order([pinned], {}, known(), {}) == []
    shared = [pinned, image("r.io/a")]
    assert [each.unnamed for each in backfill_order(shared, {}, known(), {})] == [True]


def test_a_service_whose_tag_is_a_version_by_the_list_does_not_count_as_unnamed() -> None:
    lists = {"r.io/a": TagList.of(["17-alpine", "17.2-alpine", "17.1-alpine", "latest"])}
    for tag, missed in (("17.2-alpine", False), ("17-alpine", True), ("latest", True)):
        images = [image("r.io/a", tag=tag)]
        named = known(a=tag)
        assert [each.unnamed for each in backfill_order(images, {}, named, lists)] == [missed], tag
        assert repositories_to_list(images) == ({"r.io/a"} if tag != "latest" else set())
    unlisted = [image("r.io/a", tag="17.2-alpine")]
    assert [each.unnamed for each in backfill_order(unlisted, {}, known(), {})] == [True]


def test_repositories_without_services_are_skipped() -> None:
    assert backfill_order([image("r.io/a", checked=False)], {}, known(), {}) == []


def test_registries_are_independent_of_each_other() -> None:
    images = [image("r.io/a"), image("r.io/b"), image("q.io/c")]
    first = first_of_each_registry(backfill_order(images, {"r.io/a": 9, "r.io/b": 2}, known(), {}))
    assert [str(each.ref) for each in first] == ["q.io/c:latest", "r.io/b:latest"]

"""Version requirements follow Cargo's rules, as its book and the documentation of its parser state them."""

import pytest

from dockrev.ignores.requirement import Requirement, version_of


def matches(requirement: str, tag: str) -> bool:
    version = version_of(tag)
    return version is not None and Requirement.parse(requirement).matches(version)


@pytest.mark.parametrize(
    ("requirement", "inside", "outside"),
    [
        ("^1.2.3", "1.2.3 1.2.4 1.9.0", "1.2.2 2.0.0 0.9.9"),
        ("1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0"),
        ("1.2", "1.2.0 1.9.0", "1.1.9 2.0.0"),
        ("1", "1.0.0 1.9.9", "0.9.9 2.0.0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0 1.0.0"),
        ("^0.0.3", "0.0.3", "0.0.2 0.0.4 0.1.0"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.0 0.9.9", "1.0.0"),
        ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0 2.2.3"),
        ("~1.2", "1.2.0 1.2.9", "1.1.9 1.3.0"),
        ("~1", "1.0.0 1.9.9", "0.9.9 2.0.0"),
        ("*", "0.0.0 99.0.0", ""),
        ("1.*", "1.0.0 1.9.9", "2.0.0"),
        ("1.2.*", "1.2.0 1.2.9", "1.3.0"),
        ("1.x", "1.0.0 1.9.9", "2.0.0"),
        ("1.*.*", "1.4.9", "2.0.0"),
        ("=1.2.3", "1.2.3", "1.2.4 1.2.3-rc.1"),
        ("=1.2", "1.2.0 1.2.9", "1.3.0 1.1.9"),
        ("=1", "1.0.0 1.9.9", "2.0.0"),
        (">1.2.3", "1.2.4 2.0.0", "1.2.3 1.0.0"),
        (">1.2", "1.3.0 2.0.0", "1.2.0 1.2.9"),
        (">1", "2.0.0", "1.0.0 1.9.9"),
        (">=1.2.3", "1.2.3 2.0.0", "1.2.2"),
        (">=1.2", "1.2.0 9.0.0", "1.1.9"),
        ("<2.0", "1.9.9 0.0.1", "2.0.0 2.0.9 2.1.0"),
        ("<2.1.3", "2.1.2", "2.1.3"),
        ("<=2.0", "2.0.0 2.0.9 1.0.0", "2.1.0"),
        ("<=2", "2.9.9", "3.0.0"),
        (">=2.0, <3.0", "2.0.0 2.9.9", "1.9.9 3.0.0"),
        (">=5.3,<5.4", "5.3.0 5.3.9", "5.4.0 5.2.9"),
        ("  >= 1.2.3 ,  < 1.8 ", "1.2.3 1.7.9", "1.8.0"),
        (">=1.*", "1.0.0 2.0.0", "0.9.9"),
        ("1.2.3+build.7", "1.2.3 1.9.0", "1.2.2"),
    ],
)
def test_a_requirement_matches_these_releases(requirement: str, inside: str, outside: str) -> None:
    assert [tag for tag in inside.split() if not matches(requirement, tag)] == []
    assert [tag for tag in outside.split() if matches(requirement, tag)] == []


@pytest.mark.parametrize(
    ("requirement", "inside", "outside"),
    [
        ("*", "", "1.0.0-rc.1"),
        (">=1.0.0", "1.0.0", "2.0.0-rc.1 1.0.1-rc.1"),
        (">=1.0.0-rc.1", "1.0.0-rc.1 1.0.0-rc.2 1.0.0 1.5.0", "1.0.0-beta.9 1.0.1-rc.1"),
        ("^1.2.3-rc.2", "1.2.3-rc.2 1.2.3-rc.10 1.2.3 1.9.0", "1.2.3-rc.1 1.2.4-rc.3 2.0.0"),
        ("~1.2.3-rc.2", "1.2.3-rc.2 1.2.3 1.2.4", "1.2.3-rc.1 1.3.0"),
        ("=1.2.3-rc.1", "1.2.3-rc.1", "1.2.3-rc.2 1.2.3"),
        ("<1.2.3-rc.2", "1.2.3-rc.1 1.2.2", "1.2.3-rc.2 1.2.3"),
        (">1.2.3-rc.2", "1.2.3-rc.10 1.2.3 1.2.4", "1.2.3-rc.2"),
        ("1.2.*, >=1.2.3-rc.1", "1.2.3", "1.2.3-rc.2"),
        ("~1.2, >=1.2.3-rc.1", "1.2.3", "1.2.3-rc.2"),
    ],
)
def test_a_prerelease_matches_only_if_the_requirement_names_one_of_the_same_release(
    requirement: str, inside: str, outside: str
) -> None:
    assert [tag for tag in inside.split() if not matches(requirement, tag)] == []
    assert [tag for tag in outside.split() if matches(requirement, tag)] == []


@pytest.mark.parametrize("tag", ["v2.1.0", "2.1.0", "2.1", "v2.1", " 2.1.0 ", "2"])
def test_a_leading_v_and_missing_parts_do_not_matter(tag: str) -> None:
    assert matches(">=2.0, <3.0", tag)


@pytest.mark.parametrize(
    "tag", ["latest", "", "vv2.1.0", "V2.1.0", "2.1.0.4", "2.01.0", "release-2.1.0", "2.x"]
)
def test_a_tag_that_is_no_version_never_matches(tag: str) -> None:
    assert version_of(tag) is None
    assert not matches("*", tag)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "1,",
        ",1",
        "abc",
        "v1.2",
        ">",
        ">=",
        "=>1",
        "1.2.3.4",
        "01.2",
        "1.02",
        "1.*.3",
        "1-rc",
        "1.2-rc",
        ">*",
        "*, >=1",
        "1 2",
        "1.2.3-",
        "1.2.3-01",
        "!=1",
        "1 || 2",
        "1 - 2",
        "1.2.3 <2",
        "1" * 501,
    ],
)
def test_an_invalid_requirement_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a version requirement|longer than"):
        Requirement.parse(text)


@pytest.mark.parametrize(
    "requirement",
    [
        ">=3, <2",
        ">=2, <2",
        ">1, <=1",
        ">1.2, <1.3",
        "<0",
        "<0.0.0",
        "=1, =2",
        "1.*, 2.*",
        "^1.2, >=2",
        "~1.2.3, 1.3",
        "^0.2, >=0.3",
        "^0.0.3, >0.0.3",
        ">1.2.3, <1.2.4",
    ],
)
def test_a_contradiction_is_recognized(requirement: str) -> None:
    parsed = Requirement.parse(requirement)
    assert parsed.contradicts_itself
    versions = [
        f"{a}.{b}.{c}{d}" for a in range(4) for b in range(5) for c in range(5) for d in ("", "-rc.1")
    ]
    assert [version for version in versions if matches(requirement, version)] == []


@pytest.mark.parametrize(
    ("requirement", "met_by"),
    [
        ("*", "1.0.0"),
        ("^0", "0.9.0"),
        ("^0.0", "0.0.9"),
        (">=2, <3", "2.0.0"),
        (">1.2.3, <1.2.5", "1.2.4"),
        ("<=1, >=1", "1.5.0"),
        ("~1.2.3, =1.2.3", "1.2.3"),
        ("<0.0.1", "0.0.0"),
        (">=1.0.0-rc.1, <1.0.0", "1.0.0-rc.2"),
    ],
)
def test_a_requirement_that_a_version_meets_is_no_contradiction(requirement: str, met_by: str) -> None:
    assert matches(requirement, met_by)
    assert not Requirement.parse(requirement).contradicts_itself

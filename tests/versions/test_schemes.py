"""The other tags of a repository decide what an ambiguous tag means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockrev.versions.tags import Scheme, learn, newest_first, parse_version


def scheme_of(tag: str, others: str) -> Scheme:
    version = learn([tag, *others.split()]).version(tag)
    assert version is not None
    return version.scheme


@pytest.mark.parametrize(
    ("tag", "others", "expected"),
    [
        ("20241001", "20240930 20240829", Scheme.DATE),
        ("20241001", "20240044 20241399 20249999", Scheme.BUILD),
        ("20241001", "1.2.3", Scheme.DATE),
        ("2024.10", "2024.9 2024.8.1", Scheme.CALVER),
        ("2024.10", "1999.4 2250.1 2301.7", Scheme.SEMVER),
        ("24.04", "22.04 20.04 23.10", Scheme.CALVER),
        ("24.10", "22.04 20.04 23.10", Scheme.CALVER),
        ("24.8", "24.8.4.13 24.7.1.1", Scheme.SEMVER),
        ("27.5.1", "18.09.9 19.03.15 20.10.24 23.0.6 27.0.3 28.0.0", Scheme.SEMVER),
        ("19.03.15", "18.09.9 20.10.24 23.0.6 27.0.3 27.5.1 28.0.0", Scheme.SEMVER),
        ("4.05.0", "4.6.0 4.13.0", Scheme.SEMVER),
        ("4.05.0", "4.6.0 5.0.0", Scheme.SEMVER),
        ("4.6.0", "4.05.0 4.7.0", Scheme.CALVER),
        ("2301.07", "2302.01 2303.05", Scheme.SEMVER),
        ("24.0", "24.04 23.04 22.04 21.04 20.04 19.04 18.04 17.04 16.04 15.04 14.04 14.10", Scheme.CALVER),
        ("16", "16.3 15.2 17.0", Scheme.SEMVER),
        ("18", "17.0 16.3", Scheme.SEMVER),
        ("1042", "1.2.3 1.3.0", Scheme.BUILD),
        ("16", "15 14 13", Scheme.BUILD),
        ("240915", "240910 240801 240701", Scheme.DATE),
        ("240915", "240910 249999 251301", Scheme.BUILD),
        ("240915", "1.2.3", Scheme.BUILD),
        ("20241013.1", "20241012", Scheme.DATE),
    ],
)
def test_the_other_tags_decide_what_a_tag_means(tag: str, others: str, expected: Scheme) -> None:
    assert scheme_of(tag, others) is expected


def test_short_and_long_days_are_comparable() -> None:
    tags = ["240910", "240801", "240701", "20241001", "20240101"]
    assert newest_first(tags) == ["20241001", "240910", "240801", "240701", "20240101"]


def test_bare_numbers_after_a_hyphen_are_revisions_when_several_tags_have_them() -> None:
    assert newest_first(["1.0.0", "1.0.0-1"]) == ["1.0.0", "1.0.0-1"]
    assert newest_first(["1.0.0", "1.0.0-1", "1.0.0-2", "1.1.0-1"]) == [
        "1.1.0-1",
        "1.0.0-2",
        "1.0.0-1",
        "1.0.0",
    ]


@pytest.mark.parametrize(
    "newest",
    [
        "5.0.0 4.13.0 4.6.0 4.05.0",
        "29.0.1 28.0.0 27.5.1 27.0.3 23.0.6 20.10.24 19.03.15 18.09.9 17.12.1",
        "24.10 24.04 23.10 23.04",
    ],
)
def test_a_tag_padded_with_zeros_does_not_split_its_repository(newest: str) -> None:
    tags = newest.split()
    assert newest_first(reversed(tags)) == tags
    versions = [version for tag in tags if (version := learn(tags).version(tag))]
    assert len({version.scheme for version in versions}) == 1


def test_calendar_versions_come_first_in_a_project_that_changed_to_them() -> None:
    tags = ["0.118.5", "0.117.0", "0.99.3", "0.98.0", "2020.12.1", "2021.1.0", "2021.2.3"]
    assert newest_first(tags)[:4] == ["2021.2.3", "2021.1.0", "2020.12.1", "0.118.5"]


def test_a_single_calendar_version_does_not_come_first() -> None:
    assert newest_first(["1.2.3", "1.1.0", "2020.12.1"]) == ["1.2.3", "1.1.0", "2020.12.1"]


def test_a_few_exceptions_do_not_change_the_scheme() -> None:
    days = [f"202410{day:02}" for day in range(1, 29)]
    assert scheme_of("20241001", " ".join([*days[1:], "20241399"])) is Scheme.DATE


def test_an_empty_tag_list_gives_the_default_scheme() -> None:
    assert learn([]).version("1.2.3") == parse_version("1.2.3")
    assert learn(["latest", "edge"]).version("edge") is None


@given(st.lists(st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,4}){0,3}(-[0-9]{1,3})?", fullmatch=True), max_size=20))
def test_the_scheme_does_not_depend_on_the_order_of_the_tags(tags: list[str]) -> None:
    learned = learn(tags)
    assert learn(reversed(tags)) == learned
    assert all(learned.version(tag) is not None for tag in tags)

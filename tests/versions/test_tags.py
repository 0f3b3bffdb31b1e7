"""Reading, comparing and sorting tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version as SemVer

from dockrev.versions.tags import (
    Scheme,
    Version,
    display_order,
    is_strict_semver,
    newest_first,
    parse_version,
    resolved,
    shortened,
)

ANY_TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)
NUMBERS = st.lists(st.integers(0, 40), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
PRE = st.sampled_from(
    ["", "-rc1", "-rc.1", "-rc.2", "-beta", "-beta.10", "-alpha", "b3", "rc10", ".dev20241013"]
)
TAIL = st.sampled_from(
    ["", "-alpine", "-alpine3.9", "-alpine3.20", "-ls9", "-ls10", "-r3", "-ce.0", "-amd64"]
)
LIKELY_TAG = st.builds(
    lambda v, numbers, pre, tail: v + numbers + pre + tail, st.sampled_from(["", "v"]), NUMBERS, PRE, TAIL
)
SAME_LINE = st.builds(
    lambda v, numbers, pre, tail: v + numbers + pre + tail,
    st.sampled_from(["", "v"]),
    NUMBERS,
    PRE,
    st.sampled_from(["", "-ls9", "-ls10", "-r3"]),
)
WORD = st.sampled_from(["alpha", "beta", "rc", "preview", "dev", "x", "gamma"])
IDENTIFIERS = st.one_of(
    st.just([]),
    st.builds(
        lambda first, more: [first, *map(str, more)],
        st.sampled_from(["alpha", "beta", "rc", "preview", "dev"]),
        st.lists(st.one_of(st.integers(0, 120), WORD), max_size=3),
    ),
)
SEMVER = st.builds(
    lambda major, minor, patch, pre: f"{major}.{minor}.{patch}" + ("-" + ".".join(pre) if pre else ""),
    st.integers(0, 12),
    st.integers(0, 12),
    st.integers(0, 2),
    IDENTIFIERS,
)


def version(tag: str) -> Version:
    parsed = parse_version(tag)
    assert parsed is not None, tag
    return parsed


@pytest.mark.parametrize(
    "tag",
    [
        "1.2.3",
        "v1.2.3",
        "0.0.0",
        "1.2.3-rc.1",
        "1.2.3-alpine3.20",
        "1.2.3+build.5",
        "2024.10.1",
        "10.20.30-x.7.z.92",
    ],
)
def test_a_full_semantic_version_is_strict(tag: str) -> None:
    assert is_strict_semver(tag)


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "1",
        "1.2",
        "latest",
        "V1.2.3",
        "vv1.2.3",
        "1.2.3.4",
        "01.2.3",
        "1.2.03",
        "1.2.3-01",
        "1.2.3-",
        " 1.2.3",
        "1.2.3\n",
        "release-1.2.3",
        "2024.01.1",
        "1.2.x",
        "1.2.٣",
    ],
)
def test_no_other_tag_is_a_strict_version(tag: str) -> None:
    assert not is_strict_semver(tag)


JUNK = """
latest nightly edge dev develop main master stable canary alpine stable-alpine alpine3.20
mainline-alpine3.20 jdk17 sha-abc1234 sha-1234567 sha256-9d6b58feebd2dbd3c56ab5853333d627.sig
sha256-9d6b58feebd2dbd3c56ab5853333d627.att sha256-9d6b58feebd2dbd3c56ab5853333d627 1.2.3.sig 1.2.3.sbom
abc1234 7e1a2b3 0e3a37bf2 1f3af5a0c7d08aa1c5b2b5f0cb9f1c1a1dbd4ff0 main-abc1234 main-1abc234 pr-12
pr-12-cuda PR-7 feature-2fa renovate-node-22.x fix-123 buildcache-amd64 commit-1f3af5a 1.x 1.2.x latest-12
latest-debian-12 php8.3-fpm
"""


@pytest.mark.parametrize("tag", JUNK.split())
def test_a_tag_that_names_no_version_is_none(tag: str) -> None:
    assert parse_version(tag) is None


@pytest.mark.parametrize(
    ("tag", "scheme", "prefix", "family", "numbers"),
    [
        ("1.27.2", Scheme.SEMVER, "", "", (1, 27, 2)),
        ("v3.1", Scheme.SEMVER, "", "", (3, 1)),
        ("5.14.0.9383", Scheme.SEMVER, "", "", (5, 14, 0, 9383)),
        ("16-bookworm", Scheme.SEMVER, "", "bookworm", (16,)),
        ("29.0.4-fpm-alpine", Scheme.SEMVER, "", "fpm-alpine", (29, 0, 4)),
        ("16.3-alpine3.20", Scheme.SEMVER, "", "alpine", (16, 3)),
        ("17.5.1-ce.0", Scheme.SEMVER, "", "ce", (17, 5, 1)),
        ("version-5.14.0.9383", Scheme.SEMVER, "version", "", (5, 14, 0, 9383)),
        ("amd64-1.2.3", Scheme.SEMVER, "amd64", "", (1, 2, 3)),
        ("2024.10.1", Scheme.CALVER, "", "", (2024, 10, 1)),
        ("2024.10", Scheme.CALVER, "", "", (2024, 10)),
        ("20241013", Scheme.DATE, "", "", (20241013,)),
        ("2024-10-13", Scheme.DATE, "", "", (20241013,)),
        ("2024_10_13", Scheme.DATE, "", "", (20241013,)),
        ("202410131334", Scheme.DATE, "", "", (20241013, 133400)),
        ("release-2024-10-13", Scheme.DATE, "release", "", (20241013,)),
        ("RELEASE.2024-10-13T13-34-11Z", Scheme.DATE, "release", "", (20241013, 133411)),
        ("noble-20241009", Scheme.DATE, "noble", "", (20241009,)),
        ("20241399", Scheme.BUILD, "", "", (20241399,)),
        ("b4012", Scheme.BUILD, "", "", (4012,)),
    ],
)
def test_a_tag_is_split_into_its_parts(
    tag: str, scheme: Scheme, prefix: str, family: str, numbers: tuple[int, ...]
) -> None:
    parsed = version(tag)
    assert (parsed.scheme, parsed.prefix, parsed.family, parsed.numbers) == (scheme, prefix, family, numbers)


ASCENDING = [
    # the example of semver.org 2.0.0, rule 11
    "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0",
    "1.9.0 1.10.0 1.11.0",
    "2.0.0 2.1.0 2.1.1",
    "v3.0.0-rc9 v3.0.0-rc10 v3.0.0 3.0.1",
    "17beta1 17beta3 17rc1 17 17.1",
    "2024.11.0.dev20241013 2024.11.0b0 2024.11.0b9 2024.11.0b10 2024.11.0 2024.11.1 2024.12",
    "1.2.3 1.2.3-ls9 1.2.3-ls45 1.2.3-ls100 1.2.3.1-ls1",
    "v1.2.3 v1.2.3-4-gabc1234 v1.2.3-14-gdef5678 v1.2.4",
    "1.27.2-debian-12-r3 1.27.2-debian-12-r10 1.27.3-debian-12-r0",
    "8.0-M01 8.0-M02 8.0-rc1 8.0",
    "1 1.0 1.0.0",
    "v0.108.0-a.967 v0.108.0-b.9 v0.108.0-b.54 v0.108.0",
    "v1.31.1-rc1-k3s1 v1.31.1-k3s1 v1.31.1-k3s2 v1.31.1-k3s10",
    "5.0.1_v2.0.9-ls362 5.0.1_v2.0.10-ls1 5.0.2_v2.0.1-ls1",
    "8u402-b06 8u422-b05 8u422-b10",
    "1.2.3.RELEASE 1.2.4.Final",
    "1.0.0 v1.0.0",
    "0.0.1-1 0.0.1-2 0.0.1-10 0.0.1-alpha 0.0.1",
    "16.3-alpine3.9 16.3-alpine3.20 16.4-alpine",
    "RELEASE.2023-12-23T07-19-11Z RELEASE.2024-10-13T09-00-00Z RELEASE.2024-10-13T13-34-11Z",
    "2024-10-13 20241014 202410150100",
    "1.1.0-stable 1.2.0-final 1.3.0-latest 1.4.0",
]


@pytest.mark.parametrize("tags", ASCENDING)
def test_versions_of_a_line_are_in_order(tags: str) -> None:
    ascending = [version(tag) for tag in tags.split()]
    assert len({each.line for each in ascending}) == 1
    mixed = [*ascending[1::2], *ascending[0::2]]
    assert sorted(mixed) == ascending


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1.2.3", "1.2.3-alpine"),
        ("1.2.3-alpine", "1.2.3-bookworm"),
        ("2024.10.1", "0.118.5"),
        ("20241013", "1.2.3"),
        ("1.2.3", "amd64-1.2.3"),
        ("1.2.3-amd64", "1.2.3-arm64"),
        ("version-1.2.3", "1.2.3"),
        ("99999", "1.2.3"),
    ],
)
def test_versions_of_different_lines_are_never_compared(first: str, second: str) -> None:
    assert not version(first).comparable(version(second))
    with pytest.raises(TypeError):
        assert version(first) < version(second)


@given(SEMVER, SEMVER)
def test_precedence_is_that_of_semver_org(first: str, second: str) -> None:
    expected = SemVer.parse(first).compare(second)
    mine, others = version(first), version(second)
    assert (mine.age > others.age) - (mine.age < others.age) == expected


@given(SAME_LINE, SAME_LINE, SAME_LINE)
def test_the_order_within_a_line_is_total(first: str, second: str, third: str) -> None:
    a, b, c = version(first), version(second), version(third)
    assert a.comparable(b)
    assert b.comparable(c)
    assert (a < b) + (b < a) + (a == b) == 1
    assert not (a <= b <= a) or a == b
    assert not (a <= b <= c) or a <= c


@given(st.one_of(LIKELY_TAG, ANY_TAG), st.one_of(LIKELY_TAG, ANY_TAG))
def test_two_versions_are_ordered_or_not_comparable(first: str, second: str) -> None:
    version, other = parse_version(first), parse_version(second)
    if version is None or other is None:
        return
    if version.comparable(other):
        assert (version < other) + (other < version) + (version == other) == 1
    else:
        with pytest.raises(TypeError):
            assert version < other


@given(st.lists(st.one_of(LIKELY_TAG, ANY_TAG), unique=True, max_size=30), st.one_of(LIKELY_TAG, ANY_TAG))
def test_sorting_keeps_every_tag_and_ignores_the_input_order(tags: list[str], like: str) -> None:
    turned = sorted(tags, key=lambda tag: tag[::-1])
    assert sorted(newest_first(tags, like)) == sorted(display_order(tags)) == sorted(tags)
    assert newest_first(turned, like) == newest_first(tags, like)
    assert display_order(turned) == display_order(tags)
    assert resolved(turned, like) == resolved(tags, like)
    assert like not in resolved(tags, like)


@given(st.text(max_size=300))
def test_any_text_can_be_sorted(text: str) -> None:
    parse_version(text)
    is_strict_semver(text)
    assert newest_first([text, "1.2.3"], text)[0] in {text, "1.2.3"}
    assert display_order([text]) == [text]


@pytest.mark.parametrize(
    "unit", ["1", "1.", "1-", "a-", "a.", "v", "-", "alpine", "2024-", "rc", "0", "9", "f1-"]
)
def test_the_longest_tags_are_read_quickly(unit: str) -> None:
    tag = (unit * 128)[:128]
    assert newest_first([tag]) == [tag]
    assert parse_version(unit * 200) is None


def test_five_thousand_tags_are_sorted() -> None:
    tags = [f"{major}.{minor}.{patch}" for major in range(5) for minor in range(10) for patch in range(50)]
    variants = [f"{tag}-alpine" for tag in tags]
    ordered = newest_first([*sorted(variants), *sorted(tags)], "stable-alpine")
    assert ordered == [*reversed(variants), *reversed(tags)]


def test_a_digest_with_thousands_of_tags_is_resolved() -> None:
    tags = [f"1.{minor}.{patch}" for minor in range(50) for patch in range(50)]
    assert resolved([*tags, "latest", *(f"1.{minor}" for minor in range(50))], "latest")[:2] == [
        "1.49.49",
        "1.49.48",
    ]


def test_other_families_come_next_and_single_architectures_last() -> None:
    tags = [
        "amd64-9.0.0",
        "1.2.3-alpine",
        "1.2.3",
        "latest",
        "9.9.9-arm64",
        "8.0.0-debug",
        "sha256-0a.sig",
        "zeta",
    ]
    assert newest_first(tags) == [
        *("1.2.3", "1.2.3-alpine", "8.0.0-debug", "9.9.9-arm64", "amd64-9.0.0"),
        *("zeta", "latest", "sha256-0a.sig"),
    ]


def test_a_shortened_tag_is_the_beginning_of_a_longer_one() -> None:
    tags = "1 1.27 1.27.2 1.26 1-alpine 1.27.2-alpine 1.27.2-alpine3.20 2.0 2.1-rc1 2.1 4.0.9 4.0.9.2244-ls1"
    versions = [version(tag) for tag in tags.split()]
    assert shortened(versions) == {"1", "1.27", "1-alpine", "4.0.9"}
    assert shortened([version(tag) for tag in ("3.14-rc", "3.14.0rc2", "3.13-rc1", "3.13.0rc1")]) == {
        "3.14-rc"
    }
    assert shortened([version(tag) for tag in ("1.2", "1.27.2", "1-alpine")]) == frozenset()


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("latest 1.4.1 v1.4.1", "v1.4.1 1.4.1 latest"),
        ("1.4.0 1.2 1 1.5.0-rc.1 2 1.10.0", "2 1.10.0 1.5.0-rc.1 1.4.0 1.2 1"),
        ("alpha zeta beta 1.0.0", "1.0.0 zeta beta alpha"),
        ("1.2.3-rc.2 1.2.3-rc.10 1.2.3 1.2.3-alpha", "1.2.3 1.2.3-rc.10 1.2.3-rc.2 1.2.3-alpha"),
        ("1.2.3.4 1.2 release-9.0.0 2024.10.1", "2024.10.1 1.2 release-9.0.0 1.2.3.4"),
        ("2024.01 1.27-alpine 1.27.0 1.27", "1.27.0 1.27 1.27-alpine 2024.01"),
    ],
)
def test_the_display_order_is_semantic_versions_then_z_to_a(tags: str, expected: str) -> None:
    assert display_order(tags.split()) == expected.split()
    assert display_order(reversed(tags.split())) == expected.split()


@pytest.mark.parametrize(
    ("raw_tag", "tags", "expected"),
    [
        ("latest", "latest", ""),
        ("latest", "latest nightly sha-abc1234", ""),
        ("latest", "v1.4.0 1.4.0 latest 1.4 1", "v1.4.0 1.4.0"),
        ("1", "v1.4.0 1.4.0 latest 1.4 1", "1.4.0 v1.4.0"),
        ("v1", "v1.4.0 1.4.0 v1", "v1.4.0 1.4.0"),
        ("latest", "1.4.0 1.5.0 1.5.0-rc.1", "1.5.0 1.5.0-rc.1 1.4.0"),
        ("1.5.0", "1.5.0 1.5.0-rc.1", "1.5.0-rc.1"),
        ("latest", "latest 2024.10 2024.10.3", "2024.10.3"),
        ("latest", "latest v5.8", "v5.8"),
        ("latest", "latest 20241013 1.2.3", "1.2.3 20241013"),
        ("alpine", "alpine 1.2.3 1.2.3-alpine", "1.2.3-alpine 1.2.3"),
        ("latest-alpine", "latest-alpine 1.2.3-alpine 1.2.3-alpine3.20", "1.2.3-alpine 1.2.3-alpine3.20"),
        ("lts", "lts 2.462.3-lts 2.462.3-lts-jdk17 lts-jdk17", "2.462.3-lts 2.462.3-lts-jdk17"),
        ("lts-jdk17", "lts 2.462.3-lts 2.462.3-lts-jdk17 lts-jdk17", "2.462.3-lts-jdk17 2.462.3-lts"),
        ("latest", "latest 18 18.0 18.0-20241108", "18.0-20241108"),
        ("18.0", "latest 18 18.0 18.0-20241108", "18.0-20241108"),
        ("latest", "latest 3.14-rc 3.14.0a1", "3.14.0a1"),
        ("3.14-rc-slim", "3.14-rc-slim 3.14.0rc2-slim", "3.14.0rc2-slim"),
        ("iron-slim", "iron iron-slim 20.18.0 20.18.0-slim", "20.18.0-slim 20.18.0"),
        ("lts-alpine", "lts-alpine 22-alpine 22.9.0-alpine", "22.9.0-alpine"),
        ("stable-6", "stable-6 v6 v6.5 v6.5.55", "v6.5.55"),
        ("stable-6-alpine", "stable-6-alpine 6.5.55 6.5.55-alpine", "6.5.55-alpine 6.5.55"),
        ("latest", "latest stable-8 v8.4.62", "v8.4.62"),
        ("release-6.5", "release-6.5 6.5 6.5.3", "6.5.3"),
        ("version-4.0.0", "version-4.0.0 4.0.0 4.0.0-ls12", "4.0.0-ls12 4.0.0"),
        ("latest", "latest version-4.0.10 4.0.10", "4.0.10 version-4.0.10"),
        ("nanoserver", "nanoserver nanoserver-1809 8.0.1-nanoserver-1809", "8.0.1-nanoserver-1809"),
        ("nanoserver-1809", "nanoserver nanoserver-1809 8.0.1-nanoserver-1809", "8.0.1-nanoserver-1809"),
        (
            "rc-fpm",
            "rc-fpm 8.4-rc-fpm 8.4.0RC3-fpm 8.4.0RC3-fpm-bookworm",
            "8.4.0RC3-fpm 8.4.0RC3-fpm-bookworm",
        ),
        ("beta", "beta 1.5.0-beta.2 1.5-beta", "1.5.0-beta.2"),
        ("latest", "latest 21 21-jdk 21.0.5_11-jdk 21-jdk-noble", "21.0.5_11-jdk"),
        ("2022-latest", "latest 2022-latest 2022-CU16-ubuntu-22.04", "2022-CU16-ubuntu-22.04"),
        ("latest", "latest 2022-latest", ""),
        ("mainline-perl", "mainline-perl perl 1-perl 1.27-perl 1.27.2-perl", "1.27.2-perl"),
    ],
)
def test_the_version_tags_of_a_digest_are_found(raw_tag: str, tags: str, expected: str) -> None:
    assert resolved(tags.split(), raw_tag) == expected.split()


def test_a_number_of_any_length_is_no_day() -> None:
    days, run = ["241013", "241014", "241015"], "9" * 40
    assert newest_first([*days, run]) == [*reversed(days), run]

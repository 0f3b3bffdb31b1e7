"""The words before and after the numbers of a tag: channels, pre-releases and flavours."""

import pytest

from dockrev.versions.tags import (
    Version,
    flavour,
    flavours,
    parse_version,
    prerelease_asked_for,
    shortened,
    successors,
)


def read_as(tag: str) -> Version:
    version = parse_version(tag)
    assert version is not None, tag
    return version


@pytest.mark.parametrize(
    ("tags", "shorter"),
    [
        ("stable-6 v6.5.55 stable-7", "stable-6"),
        ("release-6.5 6.5.3 release-6.4", "release-6.5"),
        ("version-4.0.0 4.0.0-ls12 4.0.0", "version-4.0.0 4.0.0"),
        ("alpine-7.0 7.0.5-alpine ubuntu-7.0", "alpine-7.0"),
        ("stable-20241016 20241016 testing-20241016", ""),
        ("version-4.0.0 4.0.0", ""),
        ("amd64-4.0 4.0.10 stable-4-perl", ""),
    ],
)
def test_a_shortened_tag_may_begin_with_a_channel(tags: str, shorter: str) -> None:
    assert shortened([read_as(tag) for tag in tags.split()]) == set(shorter.split())


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("8.0.1-nanoserver-1809 8.0.1 nanoserver-1809", "nanoserver-1809"),
        ("2.5.1-cuda-12.1-cudnn-9 cuda-12.1-cudnn-9 cudnn-9", "cuda-12.1-cudnn-9 cudnn-9"),
        ("nanoserver-1809 8.0.1", ""),
        ("amd64-version-4.0.10 version-4.0.10 develop-4.0.10", ""),
        ("alpine-7.0.5 7.0.5-alpine", ""),
    ],
)
def test_a_flavour_may_have_a_number(tags: str, expected: str) -> None:
    assert flavours([read_as(tag) for tag in tags.split()]) == set(expected.split())


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        *(
            (tag, "")
            for tag in ("latest", "stable", "1.27", "v3", "stable-6", "release-6.5", "version-4.0.0")
        ),
        *(
            (tag, "alpine")
            for tag in ("alpine", "stable-alpine", "1.27-alpine", "rc-alpine", "alpine-latest")
        ),
        *((tag, "") for tag in ("beta", "unstable", "alpine-7.0", "8.4-rc", "20241013", "")),
        ("16-alpine3.19", "alpine3.19"),
        ("8.4-rc-fpm", "fpm"),
        ("lts-jdk17", "jdk17"),
        ("latest-pg16", "pg16"),
        ("iron-slim", "iron-slim"),
    ],
)
def test_the_flavour_of_a_tag_is_neither_channel_nor_number(tag: str, expected: str) -> None:
    assert flavour(tag) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("beta", "beta"), ("rc-fpm", "rc"), ("1.5-b", None), ("nightly-alpine", "nightly"), ("stable", None)],
)
def test_a_tag_may_ask_for_a_prerelease(tag: str, expected: str | None) -> None:
    assert prerelease_asked_for(tag) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("1.27.2", "1.27.3 1.28.0 2.0.0"),
        ("v1.27.2-alpine3.20", "v1.27.3-alpine3.20 v1.28.0-alpine3.20 v2.0.0-alpine3.20"),
        *((tag, "") for tag in ("1.27", "1.27.2-rc1", "1.27.2-ls3", "2024.01.2", "1.2.3.4", "20241013")),
    ],
)
def test_the_next_release_is_one_of_three(tag: str, expected: str) -> None:
    assert successors(read_as(tag)) == expected.split()

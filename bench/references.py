"""Computes repositories with many flavours, and the version that each channel names. No I/O.

Each repository is numbered like a well-known one. None of their images has a version label.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Names = Mapping[str, str]
"""The name of the build that each tag names."""


@dataclass(frozen=True, slots=True)
class Flavoured:
    """`references` maps tags to the version tag that Dockrev should show for each."""

    name: str
    names: Names
    references: Names


def flavoured() -> tuple[Flavoured, ...]:
    return (
        _web_server(),
        _language(),
        _media_server(),
        _controller(),
        _database(),
        _packaged(),
        _build_server(),
        _runtime(),
    )


def _web_server() -> Flavoured:
    """nginx: even minors are stable. A tag without a base image means the newest base image."""
    flavours = ("", "-alpine", "-perl", "-alpine-slim")
    versions = [*_patches("1.24 1.25 1.26", 3), *_patches("1.27", 6)]
    names = _built(versions, flavours)
    names |= _follow({"mainline": "1.27.5", "1.27": "1.27.5", "": "1.27.5", "latest": "1.27.5"}, flavours)
    names |= _follow({"stable": "1.26.2", "1.26": "1.26.2"}, flavours)
    based = {tag.replace("-alpine", "-alpine3.20"): name for tag, name in names.items() if "-alpine" in tag}
    return Flavoured(
        "flavoured/web-server",
        based | names,
        {
            "stable": "1.26.2",
            "stable-alpine": "1.26.2-alpine",
            "stable-alpine-slim": "1.26.2-alpine-slim",
            "mainline-perl": "1.27.5-perl",
            "1.26-alpine": "1.26.2-alpine",
        },
    )


def _language() -> Flavoured:
    """PHP: there are release candidates of the next version and alphas of the one after it."""
    flavours = ("", "-fpm", "-apache", "-fpm-alpine")
    ahead = ("8.4.0beta3", "8.4.0RC1", "8.4.0RC2", "8.4.0RC3", "8.5.0alpha1", "8.5.0alpha2")
    names = _built([*_patches("8.1 8.2 8.3", 14), *ahead], flavours)
    names |= _follow({"rc": "8.4.0RC3", "8.4-rc": "8.4.0RC3", "": "8.3.13", "8": "8.3.13"}, flavours)
    return Flavoured(
        "flavoured/language",
        names,
        {
            "fpm": "8.3.13-fpm",
            "rc-fpm": "8.4.0RC3-fpm",
            "rc": "8.4.0RC3",
            "8-fpm-alpine": "8.3.13-fpm-alpine",
        },
    )


def _media_server() -> Flavoured:
    """Jellyfin: releases have numbers, and nightly builds have dates."""
    days = [f"2024{month:02}{day:02}05" for month in (9, 10) for day in range(1, 29)]
    names = _built([*_patches("10.8 10.9 10.10", 10), *(f"10.11.0-rc{n}" for n in range(1, 6)), *days])
    names |= {"latest": "10.10.9", "unstable": days[-1]}
    return Flavoured("flavoured/media-server", names, {"latest": "10.10.9", "unstable": days[-1]})


def _controller() -> Flavoured:
    """UniFi: there is a channel for each major version."""
    names = _built([*(f"v{one}" for one in _patches("5.14 6.4 6.5 7.5 8.3 8.4", 9)), "v9.0.1-beta"])
    names |= {"latest": "v8.4.8", "stable": "v8.4.8", "beta": "v9.0.1-beta", "release-6.4": "v6.4.8"}
    names |= {"stable-8": "v8.4.8", "stable-7": "v7.5.8", "stable-6": "v6.5.8", "stable-5": "v5.14.8"}
    return Flavoured(
        "flavoured/controller",
        names,
        {
            "latest": "v8.4.8",
            "beta": "v9.0.1-beta",
            "stable-6": "v6.5.8",
            "stable-5": "v5.14.8",
            "release-6.4": "v6.4.8",
        },
    )


def _database() -> Flavoured:
    """MongoDB: the flavour contains a number too."""
    flavours = ("", "-nanoserver-1809", "-nanoserver-ltsc2022")
    names = _built(_patches("6.0 7.0 8.0", 12), flavours)
    names |= _follow({"": "8.0.11", "latest": "8.0.11", "8": "8.0.11", "7": "7.0.11"}, flavours)
    return Flavoured(
        "flavoured/database",
        names,
        {
            "nanoserver-1809": "8.0.11-nanoserver-1809",
            "nanoserver-ltsc2022": "8.0.11-nanoserver-ltsc2022",
            "7-nanoserver-1809": "7.0.11-nanoserver-1809",
        },
    )


def _packaged() -> Flavoured:
    """LinuxServer: an image has a tag with its version, and a tag with its packaging number."""
    names: dict[str, str] = {}
    for number, version in enumerate(_patches("4.0 4.1 4.2", 12)):
        names |= dict.fromkeys((version, f"version-{version}", f"{version}-ls{number}"), version)
    names["latest"] = "4.2.11"
    return Flavoured(
        "flavoured/packaged",
        names,
        {"latest": "4.2.11-ls35", "version-4.0.0": "4.0.0-ls0", "version-4.1.3": "4.1.3-ls15"},
    )


def _build_server() -> Flavoured:
    """Jenkins: there are weekly releases, and long-term support releases with `lts` in their tags."""
    flavours = ("", "-jdk17", "-jdk21")
    weekly = [f"2.{number}" for number in range(440, 483)]
    names = _built([*weekly, *(f"{one}-lts" for one in _patches("2.452 2.462", 4))], flavours)
    names |= _follow({"": "2.482", "latest": "2.482", "lts": "2.462.3-lts"}, flavours)
    return Flavoured(
        "flavoured/build-server",
        names,
        {"lts": "2.462.3-lts", "lts-jdk17": "2.462.3-lts-jdk17", "jdk21": "2.482-jdk21"},
    )


def _runtime() -> Flavoured:
    """Node.js: the long-term support release is one major version behind and has a code name."""
    flavours = ("", "-alpine", "-slim")
    names = _built([f"{major}.{minor}.0" for major in (18, 20, 22, 23) for minor in range(14)], flavours)
    names |= _follow({"": "23.13.0", "current": "23.13.0", "lts": "22.13.0", "iron": "20.13.0"}, flavours)
    return Flavoured(
        "flavoured/runtime",
        names,
        {
            "current": "23.13.0",
            "lts": "22.13.0",
            "lts-alpine": "22.13.0-alpine",
            "iron-slim": "20.13.0-slim",
        },
    )


def _patches(series: str, count: int) -> Iterator[str]:
    return (f"{one}.{patch}" for one in series.split() for patch in range(count))


def _built(versions: Iterable[str], flavours: Iterable[str] = ("",)) -> dict[str, str]:
    each = tuple(flavours)
    return {f"{version}{flavour}": f"{version}{flavour}" for version in versions for flavour in each}


def _follow(channels: Names, flavours: Iterable[str]) -> dict[str, str]:
    """Adds the channel with each flavour, such as `stable-alpine`, and bare flavours, such as `alpine`."""
    return {
        f"{channel}{flavour}".removeprefix("-"): f"{version}{flavour}"
        for flavour in flavours
        for channel, version in channels.items()
        if channel or flavour
    }

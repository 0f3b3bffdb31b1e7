"""The displayed version of each kind of reference, and the requests that it costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from dockrev.inference.infer import LookupInput
from dockrev.versions.tags import resolved
from tests.inference.test_infer import Oracle, digest

Tags = dict[str, str]
"""The content of each tag."""


def releases(*versions: str, families: str = "") -> Tags:
    """`families` are separated by blanks. The family without a name is always added."""
    return {f"{v}{family}": f"{v}{family}" for v in versions for family in ("", *families.split())}


def moving(content: Mapping[str, str], families: str = "") -> Tags:
    """Moving tags, each with the version that it names. The families get the same tags for their versions."""
    return {
        f"{tag}{family}" if tag else family[1:]: f"{version}{family}"
        for tag, version in content.items()
        for family in ("", *families.split())
        if tag or family
    }


def patches(series: str, count: int) -> list[str]:
    return [f"{minor}.{patch}" for minor in series.split() for patch in range(count)]


def based(tags: Tags, base: str) -> Tags:
    """Repeats every `-alpine` tag as `-alpine3.20`."""
    return tags | {f"{tag}{base}": content for tag, content in tags.items() if tag.endswith("-alpine")}


_NGINX_FAMILIES = "-alpine -perl -bookworm -alpine-slim"
NGINX = based(
    releases(*patches("1.24 1.25 1.26", 3), *patches("1.27", 6), families=_NGINX_FAMILIES)
    | moving({"mainline": "1.27.5", "": "1.27.5", "1.27": "1.27.5", "1": "1.27.5"}, _NGINX_FAMILIES)
    | moving({"stable": "1.26.2", "1.26": "1.26.2"}, _NGINX_FAMILIES)
    | {"latest": "1.27.5"},
    "3.20",
)
_PHP_FAMILIES = "-fpm -apache -fpm-alpine -alpine -fpm-bookworm"
PHP = based(
    releases(
        *patches("8.1 8.2 8.3", 14),
        *("8.4.0alpha1", "8.4.0beta3", "8.4.0RC1", "8.4.0RC2", "8.4.0RC3"),
        families=_PHP_FAMILIES,
    )
    | moving({"rc": "8.4.0RC3", "8.4-rc": "8.4.0RC3"}, _PHP_FAMILIES)
    | moving({"": "8.3.13", "8": "8.3.13", "8.3": "8.3.13"}, _PHP_FAMILIES)
    | {"latest": "8.3.13"},
    "3.20",
)
PHP_LATER = PHP | releases("8.4.0", "8.4.1", "8.5.0alpha1", "8.5.0alpha2", "8.5.0alpha3", families="-fpm")
_DAYS = [f"2024{month:02}{day:02}05" for month in (9, 10) for day in (1, 8, 15, 22)]
JELLYFIN = (
    releases(*patches("10.8 10.9 10.10", 10), *(f"10.10.0-rc{n}" for n in range(1, 9)), *_DAYS)
    | {"latest": "10.10.9", "10": "10.10.9", "10.10": "10.10.9", "unstable": "2024102205"}
    | {"nightly": "nightly"}
)
UNSTABLE = [f"202410{day:02}.5-unstable" for day in range(1, 29)]
JELLYFIN_OF_WORDS = JELLYFIN | releases(*UNSTABLE) | {"unstable": UNSTABLE[-1]}
HOME_ASSISTANT = releases(
    *patches("2024.10 2024.11 2024.12", 5),
    *(f"2024.12.0b{n}" for n in range(8)),
    *(f"2025.1.0b{n}" for n in range(4)),
    *(f"2025.2.0.dev2024120{n}" for n in range(10)),
) | {"latest": "2024.12.4", "stable": "2024.12.4", "beta": "2025.1.0b3", "rc": "2025.1.0b3"}
HOME_ASSISTANT |= {"dev": "2025.2.0.dev20241209"}
NOTHING_IN_BETA = HOME_ASSISTANT | {"beta": "2024.12.4"}
UNIFI = releases(*(f"v{version}" for version in patches("5.14 6.4 6.5 7.5 8.3 8.4", 9))) | {
    **{"latest": "v8.4.8", "stable": "v8.4.8", "stable-8": "v8.4.8", "stable-7": "v7.5.8"},
    **{"stable-6": "v6.5.8", "stable-5": "v5.14.8", "v6": "v6.5.8", "v8.4": "v8.4.8"},
}
_WINDOWS = "-nanoserver-1809 -nanoserver-ltsc2022 -windowsservercore-1809"
MONGO = (
    releases(*patches("6.0 7.0 8.0", 12), families=_WINDOWS)
    | moving({"": "8.0.11", "8": "8.0.11", "8.0": "8.0.11", "7": "7.0.11"}, _WINDOWS)
    | {"latest": "8.0.11"}
)
BRANCHES = releases(*patches("6.3 6.4 6.5 6.6 6.7", 10)) | {
    **{"latest": "6.7.9", "release-6.5": "6.5.9", "release-6.6": "6.6.9", "release-6.7": "6.7.9"},
}
SONARR = {
    tag: name
    for n, name in enumerate(patches("4.0.8 4.0.9 4.0.10", 9))
    for tag in (f"{name}-ls{n}", f"version-{name}", f"amd64-{name}-ls{n}")
} | {"latest": "4.0.10.8", "4.0.10": "4.0.10.8"}
PLEX = {
    tag: name
    for n, name in enumerate(patches("4.0 4.1 4.2", 8))
    for tag in (name, f"version-{name}", f"{name}-ls{n}")
} | {"latest": "4.2.7"}
_JDKS = "-jdk17 -jdk21 -alpine"
JENKINS = (
    releases(*(f"2.{n}" for n in range(440, 483)), families=_JDKS)
    | releases(*(f"{version}-lts" for version in patches("2.440 2.452 2.462", 4)), families=_JDKS)
    | moving({"": "2.482"}, _JDKS)
    | moving({"lts": "2.462.3-lts"}, _JDKS)
    | {"latest": "2.482"}
)
_SLIM = "-alpine -slim -bookworm-slim"
NODE = based(
    releases(*(f"{major}.{n}.0" for major in (18, 20, 22, 23) for n in range(14)), families=_SLIM)
    | moving({"": "23.13.0", "current": "23.13.0"}, _SLIM)
    | moving({"lts": "22.13.0", "jod": "22.13.0"}, _SLIM)
    | moving({"iron": "20.13.0"}, _SLIM)
    | {"latest": "23.13.0"},
    "3.20",
)
_FPM = "-fpm -apache -fpm-alpine"
NEXTCLOUD = (
    releases(*patches("27.0 28.0 29.0 30.0", 9), families=_FPM)
    | moving({"": "30.0.8"}, _FPM)
    | moving({"stable": "29.0.8", "production": "29.0.8"}, _FPM)
    | {"latest": "30.0.8"}
)
ADGUARD = releases(
    *(f"v0.107.{n}" for n in range(54)),
    *(f"v0.108.0-b.{n}" for n in range(60)),
    *(f"v0.108.0-a.{n}" for n in range(900, 960)),
) | {"latest": "v0.107.53", "beta": "v0.108.0-b.59", "edge": "v0.108.0-a.959"}
MARIADB = releases(*patches("10.6 10.11 11.4 11.5", 10), "11.6.1-rc") | {
    **{"latest": "11.5.9", "11": "11.5.9", "11.5": "11.5.9", "lts": "11.4.9", "11.4": "11.4.9"},
    **{"10": "10.11.9", "10.11": "10.11.9", "11.6-rc": "11.6.1-rc"},
}
PORTAINER = releases(*patches(" ".join(f"2.{n}" for n in range(9, 24)), 5)) | {
    **{"latest": "2.21.4", "lts": "2.21.4", "sts": "2.23.4"},
}
POSTGRES = {
    tag: content
    for minor in patches("15 16 17", 9)
    for tag, content in {
        **{minor: minor, f"{minor}-bookworm": minor, f"{minor}-alpine3.19": f"{minor} on 3.19"},
        **{f"{minor}-alpine3.20": f"{minor} on 3.20", f"{minor}-alpine": f"{minor} on 3.20"},
    }.items()
} | {
    **{"latest": "17.8", "16": "16.8", "alpine": "17.8 on 3.20", "alpine3.19": "17.8 on 3.19"},
    **{"16-alpine": "16.8 on 3.20", "16-alpine3.19": "16.8 on 3.19"},
}

MSSQL = releases(*(f"2022-CU{n}-ubuntu-22.04" for n in range(1, 17)), "2022-RTM-ubuntu-20.04") | {
    **releases(*(f"2019-CU{n}-ubuntu-20.04" for n in range(1, 30))),
    **{"latest": "2022-CU16-ubuntu-22.04", "2022-latest": "2022-CU16-ubuntu-22.04"},
    **{"2019-latest": "2019-CU29-ubuntu-20.04"},
}
"""SQL Server: moving tags have a number too."""
SONARR_BY_ARCHITECTURE = {
    f"{machine}{tag}": f"{machine}{name}"
    for machine in ("", "amd64-", "arm64v8-")
    for n, name in enumerate(patches("5.13.0 5.14.0", 12))
    for tag in (f"{name}-ls{n}", f"version-{name}")
} | {"latest": "5.14.0.11", "arm64v8-latest": "arm64v8-5.14.0.11"}
QBITTORRENT = releases(*(f"{version}_v2.0.11-ls{n}" for n, version in enumerate(patches("4.6 5.0", 9)))) | {
    **releases(*(f"libtorrentv1-release-{version}_v1.2.19-ls9" for version in patches("4.6 5.0", 9))),
    **{"latest": "5.0.8_v2.0.11-ls17", "libtorrentv1": "libtorrentv1-release-5.0.8_v1.2.19-ls9"},
}
CLAMAV = releases(
    *(f"{version}-{n}{base}" for version in patches("1.3 1.4", 3) for n in "123" for base in ("", "_base"))
)
CLAMAV |= {"stable": "1.4.2-3", "stable_base": "1.4.2-3_base", "1.4_base": "1.4.2-3_base"}
VECTOR = releases(*patches("0.41 0.42 0.43", 4), families="-alpine -debian")
VECTOR |= {"0.43.X-alpine": "0.43.3-alpine", "latest-alpine": "0.43.3-alpine"}
GRAFANA = releases(*patches("11.0 11.1 11.2 11.3", 6), "11.3.5-security-01", families="-ubuntu")
GRAFANA |= {"latest": "11.3.5", "latest-ubuntu": "11.3.5-ubuntu"}
"""A release that was built again. `latest` still names the first build."""


@dataclass(frozen=True)
class Reference:
    repository: str
    tags: Tags
    used: str
    version: str
    requests: int

    def __str__(self) -> str:
        return f"{self.repository}:{self.used}"


def of(repository: str, tags: Tags, expected: str) -> Iterator[Reference]:
    """Reads a line for each reference: the tag, the version to show, and the maximum of requests."""
    for line in expected.strip().splitlines():
        used, version, requests = line.split()
        yield Reference(repository, tags, used, version, int(requests))


REFERENCES = (
    *of(
        "nginx",
        NGINX,
        """
        latest              1.27.5               2
        stable              1.26.2               6
        stable-alpine       1.26.2-alpine        6
        mainline-perl       1.27.5-perl          2
        perl                1.27.5-perl          2
        stable-perl         1.26.2-perl          6
        alpine-slim         1.27.5-alpine-slim   2
        stable-alpine-slim  1.26.2-alpine-slim   6
        1.26-alpine         1.26.2-alpine        2
        """,
    ),
    *of(
        "php",
        PHP,
        """
        latest      8.3.13             2
        fpm         8.3.13-fpm         2
        fpm-alpine  8.3.13-fpm-alpine  2
        rc          8.4.0RC3           2
        rc-fpm      8.4.0RC3-fpm       2
        rc-alpine   8.4.0RC3-alpine    2
        8.4-rc-fpm  8.4.0RC3-fpm       2
        """,
    ),
    *of("php with 8.5 ahead", PHP_LATER, "rc-fpm 8.4.0RC3-fpm 2"),
    *of("jellyfin", JELLYFIN, "latest 10.10.9 2\nunstable 2024102205 2"),
    *of("jellyfin of words", JELLYFIN_OF_WORDS, "unstable 20241028.5-unstable 2"),
    *of(
        "home-assistant",
        HOME_ASSISTANT,
        """
        latest  2024.12.4              2
        stable  2024.12.4              2
        beta    2025.1.0b3             2
        rc      2025.1.0b3             2
        dev     2025.2.0.dev20241209   2
        """,
    ),
    *of("home-assistant without a beta", NOTHING_IN_BETA, "beta 2024.12.4 6"),
    *of("unifi", UNIFI, "latest v8.4.8 2\nstable v8.4.8 2\nstable-6 v6.5.8 2\nstable-7 v7.5.8 2"),
    *of(
        "mongo",
        MONGO,
        """
        latest             8.0.11                  2
        nanoserver-1809    8.0.11-nanoserver-1809  2
        7-nanoserver-1809  7.0.11-nanoserver-1809  2
        nanoserver-ltsc2022  8.0.11-nanoserver-ltsc2022  2
        """,
    ),
    *of("branches", BRANCHES, "latest 6.7.9 2\nrelease-6.5 6.5.9 2\nrelease-6.7 6.7.9 2"),
    *of("sonarr", SONARR, "latest 4.0.10.8-ls26 2\nversion-4.0.9.3 4.0.9.3-ls12 2"),
    *of("plex", PLEX, "latest 4.2.7-ls23 2\nversion-4.0.0 4.0.0-ls0 2\nversion-4.1.3 4.1.3-ls11 2"),
    *of(
        "jenkins",
        JENKINS,
        """
        latest     2.482              2
        jdk17      2.482-jdk17        2
        lts        2.462.3-lts        2
        lts-jdk17  2.462.3-lts-jdk17  2
        """,
    ),
    *of(
        "node",
        NODE,
        """
        latest          23.13.0         2
        current-alpine  23.13.0-alpine  2
        lts             22.13.0         6
        lts-alpine      22.13.0-alpine  6
        iron-slim       20.13.0-slim    6
        jod-alpine      22.13.0-alpine  6
        """,
    ),
    *of(
        "nextcloud",
        NEXTCLOUD,
        """
        latest                 30.0.8             2
        fpm                    30.0.8-fpm         2
        stable                 29.0.8             6
        stable-fpm             29.0.8-fpm         6
        production-fpm-alpine  29.0.8-fpm-alpine  6
        """,
    ),
    *of("adguard", ADGUARD, "latest v0.107.53 2\nbeta v0.108.0-b.59 2\nedge v0.108.0-a.959 6"),
    *of("mariadb", MARIADB, "latest 11.5.9 2\nlts 11.4.9 6\n10 10.11.9 2\n11.6-rc 11.6.1-rc 2"),
    *of("portainer", PORTAINER, "latest 2.21.4 6\nlts 2.21.4 6\nsts 2.23.4 2"),
    *of(
        "postgres",
        POSTGRES,
        """
        latest         17.8             2
        16             16.8             2
        alpine         17.8-alpine      2
        16-alpine      16.8-alpine      2
        alpine3.19     17.8-alpine3.19  2
        16-alpine3.19  16.8-alpine3.19  2
        """,
    ),
    *of(
        "mssql",
        MSSQL,
        """
        latest       2022-CU16-ubuntu-22.04  2
        2022-latest  2022-CU16-ubuntu-22.04  2
        2019-latest  2019-CU29-ubuntu-20.04  2
        """,
    ),
    *of("sonarr by architecture", SONARR_BY_ARCHITECTURE, "latest 5.14.0.11-ls23 2"),
    *of("sonarr by architecture", SONARR_BY_ARCHITECTURE, "arm64v8-latest arm64v8-5.14.0.11-ls23 2"),
    *of("qbittorrent", QBITTORRENT, "libtorrentv1 libtorrentv1-release-5.0.8_v1.2.19-ls9 2"),
    *of("clamav", CLAMAV, "stable 1.4.2-3 2\nstable_base 1.4.2-3_base 2\n1.4_base 1.4.2-3_base 2"),
    *of("vector", VECTOR, "0.43.X-alpine 0.43.3-alpine 2\nlatest-alpine 0.43.3-alpine 2"),
    *of("grafana", GRAFANA, "latest 11.3.5 6\nlatest-ubuntu 11.3.5-ubuntu 6"),
)


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_the_version_of_a_reference_has_its_flavour_and_costs_few_requests(reference: Reference) -> None:
    oracle, content = Oracle(reference.tags), digest(reference.tags[reference.used])
    matches = oracle.run(LookupInput(content, raw_tags=(reference.used,)))
    assert resolved(matches, reference.used)[:1] == [reference.version]
    assert {digest(reference.tags[tag]) for tag in matches} == {content}
    assert oracle.requests() <= reference.requests


@pytest.mark.parametrize(
    ("tags", "used"),
    [
        ({"stable-6": "new", "v6.5.55": "old", "v8.4.62": "newest"}, "stable-6"),
        ({"nanoserver-1809": "new", "8.0.1-nanoserver-1809": "old"}, "nanoserver-1809"),
        ({"version-4.0.0": "new", "4.0.0-ls12": "old"}, "version-4.0.0"),
        ({"stable-alpine": "new", "1.26.2-alpine": "old"}, "stable-alpine"),
    ],
)
def test_a_version_tag_names_exactly_the_same_digest(tags: Tags, used: str) -> None:
    matches = Oracle(tags).run(LookupInput(digest("new"), raw_tags=(used,)))
    assert resolved(matches, used) == []


def test_an_image_on_an_older_base_is_found_by_its_full_tag() -> None:
    """17.8-alpine moved on to alpine3.21. Only the tag with the base names the image that runs."""
    tags = POSTGRES | {f"{minor}-alpine": f"{minor} on 3.21" for minor in patches("15 16 17", 9)}
    oracle = Oracle(tags)
    assert oracle.run(LookupInput(digest("17.8 on 3.20"), raw_tags=("alpine",))) >= {"17.8-alpine3.20"}
    assert oracle.requests() <= 10

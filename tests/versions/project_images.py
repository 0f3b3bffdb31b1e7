"""Tag lists of larger projects."""

from typing import Final

from tests.versions.tag_lists import Question, Repository

TRAEFIK: Final = Repository(
    "traefik",
    """
    latest v3 v3.2 v3.2.0 v3.2.0-rc2 v3.2.0-rc1 v3.1 v3.1.7 v3.1.6 v3.1.5 v3.0.4 v3.0.0-rc5 v3.0.0-beta3
    v2 v2.11     v2.11.12 v2.11.11 v2.10.7 v1.7.34 v1.7.34-alpine v1.7-alpine 3 3.2 3.2.0 3.1.7 2.11
    cheddar comte mimolette munster     nanoserver v3.2.0-nanoserver-ltsc2022 v3.1.7-nanoserver-ltsc2022
    experimental-v3.3 experimental-master windowsservercore
    """,
    {
        "latest": (
            "v3.2.0 3.2.0 v3.2 3.2 v3.2.0-rc2 v3.2.0-rc1 v3.1.7 3.1.7 v3.1.6 v3.1.5 v3.1 v3.0.4 v3 3 "
            "v3.0.0-rc5 v3.0.0-beta3 v2.11.12 v2.11.11 v2.11 2.11 v2.10.7 v2 v1.7.34"
        ),
        "v1.7-alpine": "v1.7.34-alpine v1.7-alpine",
    },
    (
        Question("latest", "latest v3 v3.2 v3.2.0 3 3.2 3.2.0 munster", "v3.2.0 3.2.0"),
        Question("3", "latest v3 v3.2 v3.2.0 3 3.2 3.2.0 munster", "3.2.0 v3.2.0"),
        Question("v3.1", "v3.1 v3.1.7 comte", "v3.1.7"),
        Question("munster", "munster v3.2.0", "v3.2.0"),
    ),
    "latest cheddar comte mimolette munster nanoserver experimental-master windowsservercore",
)

HOME_ASSISTANT: Final = Repository(
    "home-assistant",
    """
    latest stable beta rc dev 2024.10 2024.10.3 2024.10.2 2024.10.1 2024.10.0 2024.10.0b9 2024.10.0b10
    2024.10.0b0 2024.9     2024.9.3 2024.9.10 2024.9.1 2024.12.0b0 2024.12.0.dev202411270226
    2024.12.0.dev202411260226 2024.1.6 2023.12.4     2021.1.0 2020.12.2 0.118.5 0.118.4 0.118.0b3 0.117.6
    0.99.3 0.100.3 0.7.2 2024.11.0b1 2024.2.0
    """,
    {
        "stable": (
            "2024.12.0b0 2024.12.0.dev202411270226 2024.12.0.dev202411260226 2024.11.0b1 2024.10.3 "
            "2024.10.2 2024.10.1 2024.10.0 2024.10 2024.10.0b10 2024.10.0b9 2024.10.0b0 2024.9.10 "
            "2024.9.3 2024.9.1 2024.9 2024.2.0 2024.1.6 2023.12.4 2021.1.0 2020.12.2 0.118.5 0.118.4 "
            "0.118.0b3 0.117.6 0.100.3 0.99.3 0.7.2"
        ),
    },
    (
        Question("stable", "latest stable beta rc 2024.10 2024.10.3", "2024.10.3"),
        Question("beta", "beta rc 2024.11.0b1", "2024.11.0b1"),
        Question("dev", "dev 2024.12.0.dev202411270226", "2024.12.0.dev202411270226"),
    ),
    "latest stable beta rc dev",
)

MINIO: Final = Repository(
    "minio/minio",
    """
    latest edge RELEASE.2024-10-13T13-34-11Z RELEASE.2024-10-02T17-50-41Z RELEASE.2024-09-22T00-33-43Z
    RELEASE.2024-09-13T20-26-02Z RELEASE.2024-09-09T16-59-28Z RELEASE.2024-08-29T01-40-52Z
    RELEASE.2024-08-26T15-33-07Z     RELEASE.2024-08-17T01-24-54Z RELEASE.2024-08-03T04-33-23Z
    RELEASE.2024-07-31T05-46-26Z RELEASE.2024-07-29T22-14-52Z     RELEASE.2024-07-26T20-48-21Z
    RELEASE.2024-07-16T23-46-41Z RELEASE.2023-12-23T07-19-11Z RELEASE.2023-10-25T06-33-25Z
    RELEASE.2022-10-24T18-35-07Z RELEASE.2021-06-17T00-10-46Z RELEASE.2024-10-13T13-34-11Z.fips
    RELEASE.2024-10-02T17-50-41Z.fips RELEASE.2024-09-22T00-33-43Z.fips RELEASE.2024-10-13T13-34-11Z-cpuv1
    RELEASE.2024-10-02T17-50-41Z-cpuv1 latest-cicd RELEASE.2024-10-13T13-34-11Z.hotfix.7aa24e772
    RELEASE.2024-10-13T09-00-00Z RELEASE.2024-10-13T21-00-00Z latest.fips RELEASE.2016-11-26T02-23-47Z
    RELEASE.2019-01-31T00-31-19Z 0e3a37bf2 edge-cicd
    """,
    {
        "latest": (
            "RELEASE.2024-10-13T21-00-00Z RELEASE.2024-10-13T13-34-11Z RELEASE.2024-10-13T09-00-00Z "
            "RELEASE.2024-10-02T17-50-41Z RELEASE.2024-09-22T00-33-43Z RELEASE.2024-09-13T20-26-02Z"
        ),
        "RELEASE.2024-09-22T00-33-43Z.fips": (
            "RELEASE.2024-10-13T13-34-11Z.fips RELEASE.2024-10-02T17-50-41Z.fips "
            "RELEASE.2024-09-22T00-33-43Z.fips"
        ),
    },
    (
        Question("latest", "latest RELEASE.2024-10-13T13-34-11Z", "RELEASE.2024-10-13T13-34-11Z"),
        Question(
            "latest-cpuv1",
            "latest-cpuv1 RELEASE.2024-10-13T13-34-11Z-cpuv1",
            "RELEASE.2024-10-13T13-34-11Z-cpuv1",
        ),
    ),
    "latest edge latest-cicd 0e3a37bf2 edge-cicd latest.fips",
)

NEXTCLOUD: Final = Repository(
    "nextcloud",
    """
    latest stable production apache fpm fpm-alpine stable-fpm 30 30.0 30.0.0 30.0.1 29 29.0 29.0.8 29.0.10
    29.0.4 28.0.11 28     30-apache 30.0.1-apache 29.0.8-apache 30-fpm 30.0-fpm 30.0.1-fpm 30.0.0-fpm
    29.0.8-fpm 30-fpm-alpine 30.0.1-fpm-alpine     30.0.0-fpm-alpine 29.0.10-fpm-alpine 29.0.4-fpm-alpine
    production-fpm-alpine 9.0.58 10.0.6-fpm 30.0.0rc1 31.0.0-beta1-fpm
    """,
    {
        "latest": "30.0.1 30.0.0 30.0 30 30.0.0rc1 29.0.10 29.0.8 29.0.4 29.0 29 28.0.11 28 9.0.58",
        "fpm": "31.0.0-beta1-fpm 30.0.1-fpm 30.0.0-fpm 30.0-fpm 30-fpm 29.0.8-fpm 10.0.6-fpm",
        "production-fpm-alpine": (
            "30.0.1-fpm-alpine 30.0.0-fpm-alpine 30-fpm-alpine 29.0.10-fpm-alpine 29.0.4-fpm-alpine"
        ),
    },
    (
        Question("latest", "latest 30 30.0 30.0.1 apache 30.0.1-apache", "30.0.1 30.0.1-apache"),
        Question("stable-fpm", "stable-fpm 29-fpm 29.0.8-fpm", "29.0.8-fpm"),
        Question("29-fpm-alpine", "29-fpm-alpine 29.0-fpm-alpine 29.0.4-fpm-alpine", "29.0.4-fpm-alpine"),
    ),
    "latest stable production apache fpm fpm-alpine stable-fpm production-fpm-alpine",
)

GRAFANA: Final = Repository(
    "grafana/grafana",
    """
    latest main main-ubuntu latest-ubuntu 11.3.0 11.2.2 11.2.1 11.2.0 11.2.2-security-01 11.1.7 11.1.0-rc1
    11.0.6 10.4.10     10.4.9 10.3.12 9.5.21 9.5.20 8.5.27 7.5.17 6.7.6 11.3.0-ubuntu 11.2.2-ubuntu
    11.2.1-ubuntu 11.1.7-ubuntu 10.4.10-ubuntu     9.5.21-ubuntu 11.2.2-security-01-ubuntu 10.0.0-preview
    9.0.0-beta3 9.0.0-beta2 8.0.0-beta1 5.4.5 master dev nightly
    """,
    {
        "latest": (
            "11.3.0 11.2.2-security-01 11.2.2 11.2.1 11.2.0 11.1.7 11.1.0-rc1 11.0.6 10.4.10 10.4.9 "
            "10.3.12 10.0.0-preview 9.5.21 9.5.20 9.0.0-beta3 9.0.0-beta2 8.5.27 8.0.0-beta1 7.5.17 "
            "6.7.6 5.4.5"
        ),
        "latest-ubuntu": (
            "11.3.0-ubuntu 11.2.2-security-01-ubuntu 11.2.2-ubuntu 11.2.1-ubuntu 11.1.7-ubuntu"
        ),
    },
    (
        Question("latest", "latest 11.3.0", "11.3.0"),
        Question("latest-ubuntu", "latest-ubuntu 11.3.0-ubuntu", "11.3.0-ubuntu"),
    ),
    "latest main main-ubuntu latest-ubuntu master dev nightly",
)

GITLAB: Final = Repository(
    "gitlab/gitlab-ce",
    """
    latest rc nightly 17.5.1-ce.0 17.5.0-ce.0 17.4.3-ce.0 17.4.2-ce.0 17.4.10-ce.0 17.4.1-ce.0 17.4.0-ce.0
    17.3.6-ce.0     17.3.5-ce.0 17.2.9-ce.0 17.1.8-ce.0 17.0.8-ce.0 16.11.10-ce.0 16.10.10-ce.0
    16.9.11-ce.0 16.7.10-ce.0 16.3.9-ce.0     15.11.13-ce.0 15.4.6-ce.0 14.10.5-ce.0 14.0.12-ce.0
    13.12.15-ce.0 12.10.14-ce.0 12.9.2-ce.0 11.11.8-ce.0     10.8.7-ce.0 9.5.10-ce.0 9.5.9-ce.0
    8.17.8-ce.0 8.17.8-ce.1 13.12.15-ce.1
    """,
    {
        "latest": (
            "17.5.1-ce.0 17.5.0-ce.0 17.4.10-ce.0 17.4.3-ce.0 17.4.2-ce.0 17.4.1-ce.0 17.4.0-ce.0 "
            "17.3.6-ce.0 17.3.5-ce.0 17.2.9-ce.0 17.1.8-ce.0 17.0.8-ce.0 16.11.10-ce.0 16.10.10-ce.0 "
            "16.9.11-ce.0 16.7.10-ce.0 16.3.9-ce.0 15.11.13-ce.0 15.4.6-ce.0 14.10.5-ce.0 "
            "14.0.12-ce.0 13.12.15-ce.1 13.12.15-ce.0 12.10.14-ce.0 12.9.2-ce.0 11.11.8-ce.0 "
            "10.8.7-ce.0 9.5.10-ce.0 9.5.9-ce.0 8.17.8-ce.1 8.17.8-ce.0"
        ),
    },
    (Question("latest", "latest 17.5.1-ce.0", "17.5.1-ce.0"),),
    "latest rc nightly",
)

KEYCLOAK: Final = Repository(
    "keycloak/keycloak",
    """
    latest nightly 26.0 26.0.5 26.0.5-0 26.0.4 26.0.4-0 26.0.2 26.0.2-0 26.0.1 26.0.1-0 26.0.0 26.0.0-0
    25.0 25.0.6 25.0.6-0     25.0.5 25.0.5-1 25.0.5-0 25.0.4-0 24.0 24.0.5 24.0.5-0 23.0.7 23.0.7-0 22.0.5
    22.0.5-2 22.0.5-1 22.0.5-0 19.0.3-legacy     19.0.2-legacy 20.0.5
    """,
    {
        "latest": (
            "26.0.5-0 26.0.5 26.0.4-0 26.0.4 26.0.2-0 26.0.2 26.0.1-0 26.0.1 26.0.0-0 26.0.0 26.0 "
            "25.0.6-0 25.0.6 25.0.5-1 25.0.5-0 25.0.5 25.0.4-0 25.0 24.0.5-0 24.0.5 24.0 23.0.7-0 "
            "23.0.7 22.0.5-2 22.0.5-1 22.0.5-0 22.0.5 20.0.5"
        ),
        "19.0.3-legacy": "19.0.3-legacy 19.0.2-legacy",
    },
    (Question("26.0", "latest 26.0 26.0.5", "26.0.5"),),
    "latest nightly",
)

ZABBIX: Final = Repository(
    "zabbix/zabbix-server-pgsql",
    """
    latest alpine-latest ubuntu-latest alpine-7.0-latest alpine-7.0.5 alpine-7.0.4 alpine-7.0.10
    alpine-6.4.19 alpine-6.0.35     alpine-trunk ubuntu-7.0-latest ubuntu-7.0.5 ubuntu-7.0.4 ubuntu-6.4.19
    ubuntu-6.0.35 ubuntu-trunk centos-7.0.5     centos-7.0.4 centos-6.4.19 ol-7.0.5 ol-7.0.4
    7.0-alpine-latest 7.0.5-alpine 7.0.4-alpine 6.4.19-alpine 7.0.5-ubuntu     7.0.4-ubuntu 6.4.19-ubuntu
    7.0.5-centos trunk-alpine trunk-ubuntu 7.2.0-alpine
    """,
    {
        "alpine-latest": (
            "7.2.0-alpine 7.0.5-alpine 7.0.4-alpine 7.0-alpine-latest 6.4.19-alpine alpine-7.0.10"
        ),
        "alpine-7.0-latest": "7.2.0-alpine 7.0.5-alpine 7.0.4-alpine",
        "ubuntu-7.0.4": (
            "7.0.5-ubuntu 7.0.4-ubuntu 6.4.19-ubuntu ubuntu-7.0.5 ubuntu-7.0.4 ubuntu-7.0-latest"
        ),
    },
    (
        Question("alpine-latest", "alpine-latest alpine-7.0.5 7.0.5-alpine", "7.0.5-alpine alpine-7.0.5"),
        Question("ubuntu-7.0-latest", "ubuntu-7.0-latest ubuntu-7.0.5", "ubuntu-7.0.5"),
    ),
    "latest alpine-latest ubuntu-latest alpine-trunk trunk-alpine",
)

PROJECT_IMAGES: Final = (
    TRAEFIK,
    HOME_ASSISTANT,
    MINIO,
    NEXTCLOUD,
    GRAFANA,
    GITLAB,
    KEYCLOAK,
    ZABBIX,
)

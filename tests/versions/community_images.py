"""Tag lists of images that are popular on home servers."""

from typing import Final

from tests.versions.tag_lists import Question, Repository

SONARR: Final = Repository(
    "linuxserver/sonarr",
    """
    latest develop 4.0.9 4.0.10 4.0.9.2244-ls256 4.0.9.2244-ls257 4.0.9.2244-ls99 4.0.8.1874-ls250
    4.0.10.2544-ls258     3.0.10 3.0.10.1567-ls230 version-4.0.10.2544 version-4.0.9.2244
    version-4.0.8.1874 version-3.0.10.1567     4.0.10-develop develop-4.0.10.2624-ls5
    develop-4.0.10.2614-ls4 develop-version-4.0.10.2624 amd64-latest     amd64-4.0.10.2544-ls258
    amd64-4.0.9.2244-ls257 amd64-version-4.0.10.2544 arm64v8-latest arm64v8-4.0.10.2544-ls258
    arm64v8-4.0.9.2244-ls257 arm64v8-develop arm32v7-3.0.10.1567-ls230 nightly preview 5.14 4.0.9.2244
    4.0.10.2544
    """,
    {
        "latest": (
            "5.14 4.0.10.2544-ls258 4.0.10.2544 4.0.10 4.0.10-develop 4.0.9.2244-ls257 "
            "4.0.9.2244-ls256 4.0.9.2244-ls99 4.0.9.2244 4.0.9 4.0.8.1874-ls250 3.0.10.1567-ls230 "
            "3.0.10 version-4.0.10.2544 version-4.0.9.2244"
        ),
        "develop": "develop-4.0.10.2624-ls5 develop-4.0.10.2614-ls4",
        "arm64v8-4.0.9.2244-ls257": "arm64v8-4.0.10.2544-ls258 arm64v8-4.0.9.2244-ls257",
    },
    (
        Question(
            "latest",
            "latest 4.0.10 4.0.10.2544-ls258 version-4.0.10.2544",
            "4.0.10.2544-ls258 4.0.10",
        ),
        Question("latest", "latest 4.0.10 version-4.0.10.2544", "4.0.10 version-4.0.10.2544"),
        Question(
            "version-4.0.10.2544",
            "latest 4.0.10 4.0.10.2544-ls258 version-4.0.10.2544",
            "4.0.10.2544-ls258 4.0.10",
        ),
        Question(
            "latest",
            "latest 4.0.10.2544-ls258 amd64-4.0.10.2544-ls258 amd64-latest",
            "4.0.10.2544-ls258 amd64-4.0.10.2544-ls258",
        ),
        Question("develop", "develop develop-4.0.10.2624-ls5", "develop-4.0.10.2624-ls5"),
    ),
    "latest develop nightly preview amd64-latest arm64v8-develop",
)

VAULTWARDEN: Final = Repository(
    "vaultwarden/server",
    """
    latest alpine testing testing-alpine latest-alpine 1.32.3 1.32.2 1.32.1 1.32.0 1.31.0 1.30.5 1.30.3
    1.30.1 1.29.2     1.28.1 1.27.0 1.26.0 1.9.1 1.25.2 1.24.0 1.23.1 1.22.2 1.32.3-alpine 1.32.2-alpine
    1.32.1-alpine 1.30.5-alpine     1.9.1-alpine 1.21.0 1.20.0-aarch64 1.20.0-armv7 1.20.0-amd64
    testing-aarch64 buildcache-amd64 raspberry
    """,
    {
        "latest": (
            "1.32.3 1.32.2 1.32.1 1.32.0 1.31.0 1.30.5 1.30.3 1.30.1 1.29.2 1.28.1 1.27.0 1.26.0 "
            "1.25.2 1.24.0"
        ),
        "latest-alpine": "1.32.3-alpine 1.32.2-alpine 1.32.1-alpine 1.30.5-alpine 1.9.1-alpine",
        "1.20.0-armv7": "1.20.0-armv7",
    },
    (
        Question("latest", "latest 1.32.3", "1.32.3"),
        Question("alpine", "alpine latest-alpine 1.32.3-alpine", "1.32.3-alpine"),
    ),
    "latest alpine testing testing-alpine buildcache-amd64",
)

IMMICH: Final = Repository(
    "immich-server",
    """
    release main pr-13245 pr-9999 commit-1f3af5a0c7d08aa1c5b2b5f0cb9f1c1a1dbd4ff0 v1.118.2 v1.118.1
    v1.118.0 v1.117.0 v1.116.2     v1.116.1 v1.116.0 v1.115.0 v1.114.0 v1.113.1 v1.112.1 v1.111.0 v1.106.4
    v1.100.0 v1.99.0 v1.98.2 v1.9.0 v1.118.2-cuda     v1.118.1-cuda v1.118.0-cuda v1.117.0-cuda
    v1.118.2-armnn v1.118.2-openvino release-cuda main-cuda pr-13245-cuda     sha-7b1112f feat-web-ui-2024
    renovate-typescript-5.x sha256-2c496c3b9b5ea7f0a7d05b8a5d7b4a9d8f.att
    """,
    {
        "release": (
            "v1.118.2 v1.118.1 v1.118.0 v1.117.0 v1.116.2 v1.116.1 v1.116.0 v1.115.0 v1.114.0 "
            "v1.113.1 v1.112.1 v1.111.0 v1.106.4 v1.100.0 v1.99.0 v1.98.2 v1.9.0"
        ),
        "release-cuda": "v1.118.2-cuda v1.118.1-cuda v1.118.0-cuda v1.117.0-cuda v1.118.2",
    },
    (
        Question("release", "release v1.118.2 commit-1f3af5a0c7d08aa1c5b2b5f0cb9f1c1a1dbd4ff0", "v1.118.2"),
        Question("release-cuda", "release-cuda v1.118.2-cuda", "v1.118.2-cuda"),
        Question("main", "main sha-7b1112f", ""),
    ),
    "release main pr-13245 pr-9999 release-cuda main-cuda pr-13245-cuda sha-7b1112f feat-web-ui-2024"
    " renovate-typescript-5.x",
)

PIHOLE: Final = Repository(
    "pihole/pihole",
    """
    latest nightly dev development development-v6 2024.07.0 2024.06.0 2024.05.0 2024.03.2 2024.03.1
    2024.02.2 2024.01.0     2023.11.0 2023.10.0 2023.05.2 2023.03.1 2023.02.2 2023.01.10 2022.12.1
    2022.11.2 2022.05 2022.04.3 2022.02.1 2022.01.1     2021.12.1 2021.10.1 2021.09 v5.8.1 v5.8 v5.7 v5.6
    v5.1.2 v4.4 5.8.1-amd64-buster v5.8.1-amd64 4.3.2-1_armhf
    """,
    {
        "latest": (
            "2024.07.0 2024.06.0 2024.05.0 2024.03.2 2024.03.1 2024.02.2 2024.01.0 2023.11.0 "
            "2023.10.0 2023.05.2 2023.03.1 2023.02.2 2023.01.10 2022.12.1 2022.11.2 2022.05 2022.04.3 "
            "2022.02.1 2022.01.1 2021.12.1 2021.10.1 2021.09 v5.8.1 v5.8 v5.7 v5.6 v5.1.2 v4.4"
        ),
    },
    (
        Question("latest", "latest 2024.07.0", "2024.07.0"),
        Question("latest", "latest 2022.05", "2022.05"),
        Question("latest", "latest v5.8.1 v5.8 v5.8.1-amd64", "v5.8.1 v5.8.1-amd64"),
    ),
    "latest nightly dev development",
)

SEARXNG: Final = Repository(
    "searxng/searxng",
    """
    latest 2024.10.25-7eda4e9c7 2024.10.24-80f5fad16 2024.10.23-b14d885f2 2024.10.21-ec6fb7d2b
    2024.10.18-0dab30d65     2024.10.9-6948689d2 2024.10.8-3eab7a8c5 2024.10.3-2fbf15ecc
    2024.9.30-e5e6b7f23 2024.9.28-89a0fdd2b 2024.9.3-e1a9b9e3f     2024.8.30-5b6f40414 2024.8.20-75bede5a0
    2024.7.5-4eaa0dd27 2024.6.7-dc0f78d0b 2024.5.19-6d9de8c9f 2024.4.2-5b9a6c9b1     2024.1.4-5f5c0e0e3
    2023.12.29-27a2fb2a2 2023.11.6-b8ba8a1ad 2023.10.22-0bd5e9bbb 2023.9.5-e6a2c2b0a 2023.2.4-97ffa8d2f
    2022.12.27-5a2c1ed29 2022.9.15-0abd8e4e9 2022.3.20-f7c6c6f5e 2021.12.6-53a6bb5e1 1.0.0
    1.1.0-69-75b859d2 2024.10.25
    """,
    {
        "latest": (
            "2024.10.25-7eda4e9c7 2024.10.25 2024.10.24-80f5fad16 2024.10.23-b14d885f2 "
            "2024.10.21-ec6fb7d2b 2024.10.18-0dab30d65 2024.10.9-6948689d2 2024.10.8-3eab7a8c5 "
            "2024.10.3-2fbf15ecc 2024.9.30-e5e6b7f23"
        ),
    },
    (Question("latest", "latest 2024.10.25-7eda4e9c7", "2024.10.25-7eda4e9c7"),),
    "latest",
)

JELLYFIN: Final = Repository(
    "jellyfin/jellyfin",
    """
    latest unstable nightly 10 10.10 10.10.0 10.9 10.9.11 10.9.10 10.9.9 10.9.1 10.8.13 10.8.10 10.8.9
    10.8.0 10.8.0-beta3     10.8.0-alpha5 10.7.7 10.7.6 10.6.4 10.5.5 10.10.0.20241026-182531
    10.9.11.20240907-212402 10.10.0-rc1 2024102806     2024102705 2024101406 2024093006 20241028-unstable
    10.9.11-amd64 10.9.11-arm64 10.10.0-amd64 10.7.7-arm64 2024090206
    """,
    {
        "latest": (
            "10.10.0.20241026-182531 10.10.0 10.10 10.10.0-rc1 10.9.11.20240907-212402 10.9.11 "
            "10.9.10 10.9.9 10.9.1 10.9 10.8.13 10.8.10 10.8.9 10.8.0 10.8.0-beta3 10.8.0-alpha5 "
            "10.7.7 10.7.6 10.6.4 10.5.5 10"
        ),
        "10.9.11-arm64": "10.9.11-arm64 10.7.7-arm64",
    },
    (
        Question("latest", "latest 10 10.10 10.10.0", "10.10.0"),
        Question("unstable", "unstable 2024102806", "2024102806"),
        Question("latest", "latest 10.9.11 10.9.11-amd64", "10.9.11 10.9.11-amd64"),
    ),
    "latest unstable nightly",
)

BITNAMI_NGINX: Final = Repository(
    "bitnami/nginx",
    """
    latest 1.27 1.26 1.27-debian-12 1.26-debian-12 1.27.2 1.27.1 1.27.0 1.26.2 1.27.2-debian-12-r3
    1.27.2-debian-12-r2     1.27.2-debian-12-r10 1.27.2-debian-12-r0 1.27.1-debian-12-r5
    1.27.1-debian-12-r4 1.27.0-debian-12-r7 1.26.2-debian-12-r4     1.26.2-debian-12-r3
    1.25.5-debian-12-r2 1.25.4-debian-11-r8 1.25.3-debian-11-r1 1.21.6-debian-10-r100
    1.21.6-debian-10-r99 latest-debian-12
    sha256-0f2b7eaf3a7d4c4d5e5b7a6e6f1f6f76f25d4b1c6b9b1f2f7f3b4c5d6e7f8a9b.sig
    sha256-0f2b7eaf3a7d4c4d5e5b7a6e6f1f6f76f25d4b1c6b9b1f2f7f3b4c5d6e7f8a9b.att
    sha256-1a2b7eaf3a7d4c4d5e5b7a6e6f1f6f76f25d4b1c6b9b1f2f7f3b4c5d6e7f8a9b
    1.27.2-debian-12-r3-metadata 1.27.2-metadata 1.20.2 1.19.10 1.19.9
    """,
    {
        "latest-debian-12": (
            "1.27.2-debian-12-r10 1.27.2-debian-12-r3 1.27.2-debian-12-r2 1.27.2-debian-12-r0 "
            "1.27.1-debian-12-r5 1.27.1-debian-12-r4 1.27.0-debian-12-r7 1.27-debian-12 "
            "1.26.2-debian-12-r4 1.26.2-debian-12-r3 1.26-debian-12 1.25.5-debian-12-r2 "
            "1.25.4-debian-11-r8 1.25.3-debian-11-r1 1.21.6-debian-10-r100 1.21.6-debian-10-r99"
        ),
        "latest": "1.27.2 1.27.1 1.27.0 1.27 1.26.2 1.26 1.20.2 1.19.10 1.19.9",
    },
    (
        Question("latest", "latest 1.27 1.27.2 1.27.2-debian-12-r3", "1.27.2 1.27.2-debian-12-r3"),
        Question("1.27-debian-12", "1.27-debian-12 1.27.2-debian-12-r3 1.27.2", "1.27.2-debian-12-r3 1.27.2"),
    ),
    "latest latest-debian-12",
)

PORTAINER: Final = Repository(
    "portainer/portainer-ce",
    """
    latest alpine sts lts develop 2.23.0 2.22.0 2.21.4 2.21.3 2.21.2 2.21.1 2.21.0 2.20.3 2.19.5 2.19.4
    2.18.4 2.9.3 2.11.1     2.21.4-alpine 2.21.3-alpine 2.23.0-alpine 2.9.3-alpine linux-amd64
    linux-amd64-2.21.4 linux-amd64-2.21.3     linux-amd64-2.21.4-alpine linux-arm64-2.21.4
    windows1809-amd64-2.21.4 2.21.4-linux-amd64 2.21.3-linux-amd64     2.21.4-linux-arm64 pr12345
    2.0.0-beta2
    """,
    {
        "latest": (
            "2.23.0 2.22.0 2.21.4 2.21.3 2.21.2 2.21.1 2.21.0 2.20.3 2.19.5 2.19.4 2.18.4 2.11.1 "
            "2.9.3 2.0.0-beta2"
        ),
        "alpine": "2.23.0-alpine 2.21.4-alpine 2.21.3-alpine 2.9.3-alpine 2.23.0",
        "linux-amd64": "2.21.4-linux-amd64 2.21.3-linux-amd64 linux-amd64-2.21.4 linux-amd64-2.21.3",
    },
    (
        Question("lts", "lts latest 2.21.4 2.21.4-linux-amd64", "2.21.4 2.21.4-linux-amd64"),
        Question("alpine", "alpine 2.21.4-alpine", "2.21.4-alpine"),
    ),
    "latest alpine sts lts develop linux-amd64 pr12345",
)

COMMUNITY_IMAGES: Final = (
    SONARR,
    VAULTWARDEN,
    IMMICH,
    PIHOLE,
    SEARXNG,
    JELLYFIN,
    BITNAMI_NGINX,
    PORTAINER,
)

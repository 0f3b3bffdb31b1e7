"""Tag lists of Docker's official images."""

from typing import Final

from tests.versions.tag_lists import Question, Repository

NGINX: Final = Repository(
    "nginx",
    """
    latest mainline stable 1 1.27 1.27.2 1.27.1 1.27.0 1.26 1.26.2 1.26.1 1.9.15 1.10.3 bookworm
    mainline-bookworm     1-bookworm 1.27-bookworm 1.27.2-bookworm 1.26.2-bookworm stable-bookworm alpine
    mainline-alpine stable-alpine     1-alpine 1.27-alpine 1.27.2-alpine 1.27.1-alpine 1.26.2-alpine
    1.9.15-alpine alpine3.20 1-alpine3.20     1.27-alpine3.20 1.27.2-alpine3.20 1.27.1-alpine3.20
    1.26.2-alpine3.20 1.26.1-alpine3.19 perl 1.27.2-perl     alpine-slim 1.27.2-alpine-slim
    1.27.2-alpine3.20-slim 1.27.2-alpine-perl 1.27.2-otel
    sha256-9d6b58feebd2dbd3c56ab5853333d627cc6e281011cfd6050fa4bcf2072c9496.sig
    """,
    {
        "latest": "1.27.2 1.27.1 1.27.0 1.27 1.26.2 1.26.1 1.26 1.10.3 1.9.15 1",
        "stable-alpine": "1.27.2-alpine3.20 1.27.2-alpine 1.27.1-alpine3.20 1.27.1-alpine 1.27-alpine3.20",
        "1.26-alpine": "1.27.2-alpine3.20 1.27.2-alpine 1.27.1-alpine3.20",
        "alpine-slim": "1.27.2-alpine3.20-slim 1.27.2-alpine-slim",
        "bookworm": "1.27.2-bookworm 1.27-bookworm 1.26.2-bookworm 1-bookworm",
    },
    (
        Question(
            "latest",
            "latest mainline 1 1.27 1.27.2 bookworm 1-bookworm 1.27-bookworm 1.27.2-bookworm",
            "1.27.2 1.27.2-bookworm",
        ),
        Question("1.27", "latest 1 1.27 1.27.2", "1.27.2"),
        Question("stable", "stable 1.26 1.26.2 stable-bookworm 1.26.2-bookworm", "1.26.2 1.26.2-bookworm"),
        Question(
            "alpine",
            "alpine 1-alpine 1.27.2-alpine alpine3.20 1.27.2-alpine3.20",
            "1.27.2-alpine 1.27.2-alpine3.20",
        ),
        Question(
            "alpine3.20",
            "alpine 1-alpine 1.27.2-alpine alpine3.20 1.27.2-alpine3.20",
            "1.27.2-alpine3.20 1.27.2-alpine",
        ),
        Question("stable-alpine", "stable-alpine 1.26-alpine 1.26.2-alpine 1.26.2", "1.26.2-alpine 1.26.2"),
    ),
    "latest mainline stable bookworm mainline-bookworm alpine alpine3.20 perl alpine-slim stable-alpine",
)

POSTGRES: Final = Repository(
    "postgres",
    """
    latest 17 17.0 16 16.4 16.3 16.2 16.1 16.0 15 15.8 15.7 14.13 13.16 12.20 9.6 9.6.24 9.6.23 9.5.25
    17rc1 17beta3     17beta2 17beta1 16rc1 bookworm bullseye 17-bookworm 17.0-bookworm 16.4-bookworm
    16-bookworm 16.4-bullseye     16-bullseye alpine alpine3.20 17-alpine 17.0-alpine 16.4-alpine
    16-alpine 16.3-alpine 9.6.24-alpine 17rc1-alpine     17.0-alpine3.20 16.4-alpine3.20 16.4-alpine3.19
    16.3-alpine3.20 17-alpine3.20 17beta3-alpine3.19
    """,
    {
        "latest": "17.0 17 17rc1 17beta3 17beta2 17beta1 16.4 16.3 16.2 16.1 16.0 16 16rc1 15.8 15.7 15",
        "16-alpine": (
            "17.0-alpine3.20 17.0-alpine 17-alpine3.20 17-alpine 17rc1-alpine 17beta3-alpine3.19 "
            "16.4-alpine3.20 16.4-alpine3.19 16.4-alpine 16.3-alpine3.20 16.3-alpine 16-alpine "
            "9.6.24-alpine"
        ),
        "bookworm": "17.0-bookworm 17-bookworm 16.4-bookworm 16-bookworm",
        "16-bullseye": "16.4-bullseye 16-bullseye",
    },
    (
        Question("latest", "latest 17 17.0 bookworm 17-bookworm 17.0-bookworm", "17.0 17.0-bookworm"),
        Question("16", "16 16.4 16-bookworm 16.4-bookworm", "16.4 16.4-bookworm"),
        Question(
            "16-alpine",
            "16-alpine 16.4-alpine 16.4-alpine3.20 16-alpine3.20",
            "16.4-alpine 16.4-alpine3.20",
        ),
        Question("9.6", "9.6 9 9.6.24", "9.6.24"),
    ),
    "latest bookworm bullseye alpine alpine3.20",
)

REDIS: Final = Repository(
    "redis",
    """
    latest 7 7.4 7.4.1 7.4.0 7.2 7.2.6 7.2.5 7.2.4 7.0.15 6 6.2 6.2.16 6.2.14 6.0.20 5.0.14 7.4-rc2
    7.4-rc1 8.0-M01     8.0-M02 8.0-rc1 7.2-rc3 bookworm 7-bookworm 7.4-bookworm 7.4.1-bookworm
    7.2.6-bookworm alpine 7-alpine     7.4-alpine 7.4.1-alpine 7.4.0-alpine 7.2.6-alpine 6.2.16-alpine
    alpine3.20 7-alpine3.20 7.4.1-alpine3.20     8.0-M02-alpine 8.0-M01-bookworm 8.0-M02-bookworm 32bit
    """,
    {
        "latest": (
            "8.0-rc1 8.0-M02 8.0-M01 7.4.1 7.4.0 7.4 7.4-rc2 7.4-rc1 7.2.6 7.2.5 7.2.4 7.2 7.2-rc3 "
            "7.0.15 7 6.2.16"
        ),
        "7-alpine": "8.0-M02-alpine 7.4.1-alpine3.20 7.4.1-alpine 7.4.0-alpine 7.4-alpine 7.2.6-alpine",
        "bookworm": "8.0-M02-bookworm 8.0-M01-bookworm 7.4.1-bookworm 7.4-bookworm 7.2.6-bookworm",
    },
    (
        Question("7", "7 7.4 7.4.1 latest 7.4.1-bookworm bookworm", "7.4.1 7.4.1-bookworm"),
        Question("alpine", "alpine 7-alpine 7.4.1-alpine", "7.4.1-alpine"),
        Question("8.0-M02", "8.0-M02 8.0-M02-bookworm", "8.0-M02-bookworm"),
    ),
    "latest bookworm alpine alpine3.20",
)

UBUNTU: Final = Repository(
    "ubuntu",
    """
    latest rolling devel 24.10 24.04 23.10 23.04 22.10 22.04 20.04 18.04 16.04 14.04 12.04 noble jammy
    focal oracular     bionic noble-20241009 noble-20240904.1 noble-20240827.1 noble-20240801
    jammy-20241001 jammy-20240911.1     jammy-20240808 focal-20241011 focal-20240918 oracular-20241009
    oracular-20240918 bionic-20230530 xenial     xenial-20210804 trusty
    """,
    {
        "latest": "24.10 24.04 23.10 23.04 22.10 22.04 20.04 18.04 16.04 14.04 12.04",
        "noble": "noble-20241009 noble-20240904.1 noble-20240827.1 noble-20240801",
        "jammy-20240808": "jammy-20241001 jammy-20240911.1 jammy-20240808",
    },
    (
        Question("latest", "latest 24.04 noble noble-20241009", "24.04 noble-20241009"),
        Question("noble", "latest 24.04 noble noble-20241009", "noble-20241009 24.04"),
        Question("22.04", "22.04 jammy jammy-20241001", "jammy-20241001"),
    ),
    "latest rolling devel noble jammy",
)

DEBIAN: Final = Repository(
    "debian",
    """
    latest stable testing sid 12 12.7 12.6 12.5 11 11.11 11.10 10 10.13 bookworm bookworm-slim
    bookworm-20241016     bookworm-20240926 bookworm-20240904 bookworm-20241016-slim
    bookworm-20240926-slim 12-slim 12.7-slim 12.6-slim     bullseye bullseye-20241016 bullseye-20240926
    bullseye-slim bullseye-20241016-slim stable-slim stable-20241016     stable-20241016-slim
    testing-20241016 sid-20241016 trixie trixie-20241016 oldstable unstable-20241016
    """,
    {
        "latest": "12.7 12.6 12.5 12 11.11 11.10 11 10.13 10",
        "bookworm": "bookworm-20241016 bookworm-20240926 bookworm-20240904",
        "bookworm-slim": "bookworm-20241016-slim bookworm-20240926-slim",
        "stable-slim": "stable-20241016-slim 12.7-slim 12.6-slim 12-slim",
        "12-slim": "12.7-slim 12.6-slim 12-slim",
    },
    (
        Question("latest", "latest 12 12.7 bookworm bookworm-20241016", "12.7 bookworm-20241016"),
        Question("bookworm", "latest 12 12.7 bookworm bookworm-20241016", "bookworm-20241016 12.7"),
        Question(
            "bookworm-slim",
            "bookworm-slim 12-slim 12.7-slim bookworm-20241016-slim",
            "bookworm-20241016-slim 12.7-slim",
        ),
    ),
    "latest stable testing sid bookworm bookworm-slim trixie",
)

TEMURIN: Final = Repository(
    "eclipse-temurin",
    """
    latest 21 23 21-jre 21-jdk 21-jre-alpine 17-jre-alpine 21.0.4_7-jre 21.0.3_9-jre 21.0.2_13-jre
    21_35-jre     21.0.10_2-jre 17.0.12_7-jre 17.0.11_9-jre 17.0.9_9.1-jre 17.0.9_9-jre 11.0.24_8-jre
    8u422-b05-jre 8u412-b08-jre     8u402-b06-jre 21.0.4_7-jre-alpine 21.0.3_9-jre-alpine
    17.0.12_7-jre-alpine 8u422-b05-jre-alpine 21.0.4_7-jdk     21.0.3_9-jdk 23_37-jdk 22.0.2_9-jdk
    21.0.4_7-jdk-noble 21.0.4_7-jdk-jammy 21.0.3_9-jdk-jammy     21.0.4_7-jdk-nanoserver-ltsc2022
    """,
    {
        "21-jre": (
            "21.0.10_2-jre 21.0.4_7-jre 21.0.3_9-jre 21.0.2_13-jre 21_35-jre 21-jre 17.0.12_7-jre "
            "17.0.11_9-jre 17.0.9_9.1-jre 17.0.9_9-jre 11.0.24_8-jre 8u422-b05-jre 8u412-b08-jre "
            "8u402-b06-jre"
        ),
        "17-jre-alpine": "21.0.4_7-jre-alpine 21.0.3_9-jre-alpine 21-jre-alpine 17.0.12_7-jre-alpine",
        "21-jdk": "23_37-jdk 22.0.2_9-jdk 21.0.4_7-jdk 21.0.3_9-jdk 21-jdk",
    },
    (
        Question(
            "21-jre", "21-jre 21.0.4_7-jre 21-jre-noble 21.0.4_7-jre-noble", "21.0.4_7-jre 21.0.4_7-jre-noble"
        ),
        Question("8-jre", "8-jre 8u422-b05-jre", "8u422-b05-jre"),
    ),
    "latest",
)

MARIADB: Final = Repository(
    "mariadb",
    """
    latest lts 11 11.5 11.5.2 11.5.1-beta 11.6 11.6-rc 11.6.1-rc 11.6-ubi-rc 11.6.1-ubi-rc 11.4 11.4.3
    11.4.2 11.4.2-rc     10 10.11 10.11.9 10.11.8 10.6.19 10.5.26 noble 11-noble 11.5-noble 11.5.2-noble
    11.4.3-noble 11.4.2-noble lts-noble     jammy 10.11.9-jammy 10.6.19-focal ubi 11-ubi 11.5.2-ubi
    11.5.2-ubi9 11.4.3-ubi9 lts-ubi lts-ubi9
    """,
    {
        "latest": (
            "11.6.1-rc 11.6 11.6-rc 11.5.2 11.5.1-beta 11.5 11.4.3 11.4.2 11.4.2-rc 11.4 11 10.11.9 10.11.8"
        ),
        "lts-noble": "11.5.2-noble 11.5-noble 11.4.3-noble 11.4.2-noble 11-noble",
    },
    (
        Question("lts", "lts 11.4 11.4.3 lts-noble 11.4.3-noble", "11.4.3 11.4.3-noble"),
        Question("11-noble", "11 11.5.2 11-noble 11.5.2-noble", "11.5.2-noble 11.5.2"),
    ),
    "latest lts noble ubi lts-noble",
)

PYTHON: Final = Repository(
    "python",
    """
    latest 3 3.13 3.13.0 3.12 3.12.7 3.12.6 3.9.20 3.10.15 3.14.0a1 3.13.0rc3 3.13.0rc2 3.13.0b4 3.13.0a6
    slim bookworm     3-slim 3.13-slim 3.13.0-slim 3.12.7-slim 3.9.20-slim 3.14.0a1-slim 3.13.0rc3-slim
    slim-bookworm 3.12.7-slim-bookworm     3.13.0-slim-bookworm 3.13.0-slim-bullseye alpine 3-alpine
    3.13.0-alpine 3.12.7-alpine 3.13.0-alpine3.20     3.12.7-alpine3.19 3.13.0-windowsservercore-ltsc2022
    windowsservercore-1809
    """,
    {
        "latest": (
            "3.14.0a1 3.13.0 3.13 3.13.0rc3 3.13.0rc2 3.13.0b4 3.13.0a6 3.12.7 3.12.6 3.12 3.10.15 3.9.20 3"
        ),
        "slim": "3.14.0a1-slim 3.13.0-slim 3.13-slim 3.13.0rc3-slim 3.12.7-slim 3.9.20-slim 3-slim",
        "slim-bookworm": "3.13.0-slim-bookworm 3.12.7-slim-bookworm",
    },
    (
        Question(
            "3-slim",
            "slim 3-slim 3.13-slim 3.13.0-slim 3.13.0-slim-bookworm",
            "3.13.0-slim 3.13.0-slim-bookworm",
        ),
        Question("3.14-rc", "3.14-rc 3.14.0a1", "3.14.0a1"),
    ),
    "latest slim bookworm slim-bookworm alpine",
)

DOCKER: Final = Repository(
    "docker",
    """
    latest cli dind stable test edge 17 17.03 17.03.2 17.06 17.06.2 17.09 17.09.1 17.12 17.12.1 18 18.03
    18.03.1 18.06 18.06.3 18.09 18.09.8 18.09.9 19 19.03 19.03.14 19.03.15 19.03.15-dind 18.09.9-dind 20
    20.10 20.10.23 20.10.24 20.10.24-dind 20.10.24-cli 23 23.0 23.0.0-rc.1 23.0.5 23.0.6 23.0.6-dind
    23.0.6-cli 24 24.0 24.0.8 24.0.9 24.0.9-dind 24.0.9-cli 25 25.0 25.0.0-beta.1 25.0.5 25.0.5-dind 26
    26.0 26.0.2 26.1 26.1.3 26.1.4 26.1.4-dind 27 27.0 27.0.3 27.1.2 27.2.1 27.3.1 27.4.1 27.5 27.5.0
    27.5.1 27.5.1-dind 27.5.1-cli 28 28.0 28.0.0 28.0.0-rc.1 28.0.4 28.1.1 28.2.2 28.3.3 28.4.0 28.5 28.5.2
    28.5.2-dind 28.5.2-cli 29 29.0 29.0.0 29.0.0-rc.2 29.0.0-rc.1-dind 29.0.1 29-dind 29-cli 29.0.1-dind
    29.0.1-cli
    """,
    {
        "latest": (
            "29.0.1 29.0.0 29.0 29 29.0.0-rc.2 28.5.2 28.5 28.4.0 28.3.3 28.2.2 28.1.1 28.0.4 28.0.0 28.0 28 "
            "28.0.0-rc.1 27.5.1 27.5.0 27.5 27.4.1 27.3.1 27.2.1 27.1.2 27.0.3 27.0 27 26.1.4 26.1.3 26.1 "
            "26.0.2 26.0 26 25.0.5 25.0 25 25.0.0-beta.1 24.0.9 24.0.8 24.0 24 23.0.6 23.0.5 23.0 23 "
            "23.0.0-rc.1 20.10.24 20.10.23 20.10 20 19.03.15 19.03.14 19.03 19 18.09.9 18.09.8 18.09 18.06.3 "
            "18.06 18.03.1 18.03 18 17.12.1 17.12"
        ),
        "dind": (
            "29.0.1-dind 29-dind 29.0.0-rc.1-dind 28.5.2-dind 27.5.1-dind 26.1.4-dind 25.0.5-dind "
            "24.0.9-dind 23.0.6-dind 20.10.24-dind 19.03.15-dind 18.09.9-dind"
        ),
        "27.5.1-cli": "29.0.1-cli 29-cli 28.5.2-cli 27.5.1-cli 24.0.9-cli 23.0.6-cli 20.10.24-cli",
    },
    (
        Question("latest", "latest 29 29.0 29.0.1", "29.0.1"),
        Question("27-dind", "27-dind 27.5-dind 27.5.1-dind 27.5.1", "27.5.1-dind 27.5.1"),
        Question("19.03", "19 19.03 19.03.15", "19.03.15"),
    ),
    "latest cli dind stable test edge",
)

OFFICIAL_IMAGES: Final = (NGINX, POSTGRES, REDIS, UBUNTU, DEBIAN, TEMURIN, MARIADB, PYTHON, DOCKER)

"""Tag lists of images that are built in many flavours."""

from typing import Final

from tests.versions.tag_lists import Question, Repository

PHP: Final = Repository(
    "php",
    """
    latest 8 8.3 8.3.13 8.3.12 8.2 8.2.25 8.2.24 8.1.30 7.4.33 rc 8.4-rc 8.4.0RC3 8.4.0RC2 8.4.0beta5
    8.4.0alpha4 fpm 8-fpm 8.3-fpm 8.3.13-fpm 8.3.12-fpm 8.2.25-fpm rc-fpm 8.4-rc-fpm 8.4.0RC3-fpm
    8.4.0RC2-fpm 8.4.0RC3-fpm-bookworm 8.3.13-fpm-bookworm fpm-bookworm fpm-alpine 8.3.13-fpm-alpine
    8.3.13-fpm-alpine3.20 8.3.13-fpm-alpine3.19 rc-fpm-alpine 8.4.0RC3-fpm-alpine 8.4.0RC3-fpm-alpine3.20
    cli 8.3.13-cli apache 8.3.13-apache 8.4.0RC3-apache rc-apache
    """,
    {
        "latest": "8.4.0RC3 8.4.0RC2 8.4-rc 8.4.0beta5 8.4.0alpha4 8.3.13 8.3.12 8.3 8.2.25 8.2.24 8.2",
        "fpm": "8.4.0RC3-fpm 8.4.0RC2-fpm 8.4-rc-fpm 8.3.13-fpm 8.3.12-fpm 8.3-fpm 8.2.25-fpm 8-fpm",
        "rc-fpm": "8.4.0RC3-fpm 8.4.0RC2-fpm 8.4-rc-fpm",
        "rc-fpm-alpine": "8.4.0RC3-fpm-alpine3.20 8.4.0RC3-fpm-alpine 8.3.13-fpm-alpine3.20",
    },
    (
        Question(
            "fpm",
            "fpm 8-fpm 8.3-fpm 8.3.13-fpm fpm-bookworm 8.3.13-fpm-bookworm",
            "8.3.13-fpm 8.3.13-fpm-bookworm",
        ),
        Question("rc-fpm", "rc-fpm 8.4-rc-fpm 8.4.0RC3-fpm", "8.4.0RC3-fpm"),
        Question("rc", "rc 8.4-rc 8.4.0RC3", "8.4.0RC3"),
        Question(
            "fpm-alpine",
            "fpm-alpine 8.3.13-fpm-alpine3.20 8.3.13-fpm-alpine",
            "8.3.13-fpm-alpine 8.3.13-fpm-alpine3.20",
        ),
    ),
    "latest rc fpm rc-fpm fpm-bookworm fpm-alpine rc-fpm-alpine cli apache rc-apache",
)

MONGO: Final = Repository(
    "mongo",
    """
    latest noble jammy nanoserver nanoserver-1809 nanoserver-ltsc2022 windowsservercore
    windowsservercore-1809 windowsservercore-ltsc2022 8 8.0 8.0.3 8.0.1 7 7.0 7.0.15 7.0.14 6.0.19
    8-noble 8.0-noble 8.0.3-noble 8.0.1-noble 7.0.15-jammy 8-nanoserver-1809 8.0-nanoserver-1809
    8.0.3-nanoserver-1809 8.0.1-nanoserver-1809 7.0.15-nanoserver-1809 8.0.3-nanoserver
    8.0.3-windowsservercore-1809 8.0.3-windowsservercore-ltsc2022 8.0.3-nanoserver-ltsc2022 8.1.0-rc1
    8.1.0-rc1-noble
    """,
    {
        "latest": "8.1.0-rc1 8.0.3 8.0.1 8.0 8 7.0.15 7.0.14 7.0 7 6.0.19",
        "noble": "8.1.0-rc1-noble 8.0.3-noble 8.0.1-noble 8.0-noble 8-noble",
    },
    (
        Question("latest", "latest 8 8.0 8.0.3 noble 8.0.3-noble", "8.0.3 8.0.3-noble"),
        Question(
            "nanoserver-1809",
            "nanoserver-1809 8-nanoserver-1809 8.0-nanoserver-1809 8.0.3-nanoserver-1809",
            "8.0.3-nanoserver-1809",
        ),
        Question(
            "nanoserver",
            "nanoserver nanoserver-1809 8.0.3-nanoserver 8.0.3-nanoserver-1809",
            "8.0.3-nanoserver 8.0.3-nanoserver-1809",
        ),
        Question(
            "windowsservercore-ltsc2022",
            "windowsservercore-ltsc2022 8.0.3-windowsservercore-ltsc2022",
            "8.0.3-windowsservercore-ltsc2022",
        ),
    ),
    "latest noble jammy nanoserver nanoserver-ltsc2022 windowsservercore windowsservercore-ltsc2022",
)

JENKINS: Final = Repository(
    "jenkins/jenkins",
    """
    latest alpine jdk17 jdk21 lts lts-jdk17 lts-jdk21 lts-alpine lts-slim 2.482 2.481 2.480 2.479 2.482-jdk17
    2.481-jdk17 2.482-jdk21 2.482-alpine 2.462.3 2.462.3-lts 2.462.2-lts 2.462.1-lts 2.452.4-lts 2.440.3-lts
    2.462.3-lts-jdk17 2.462.2-lts-jdk17 2.452.4-lts-jdk17 2.462.3-lts-jdk21 2.462.3-lts-alpine
    2.462.2-lts-alpine 2.462.3-jdk17 2.462.2-jdk17
    """,
    {
        "lts": "2.462.3-lts 2.462.2-lts 2.462.1-lts 2.452.4-lts 2.440.3-lts",
        "lts-jdk17": "2.462.3-lts-jdk17 2.462.2-lts-jdk17 2.452.4-lts-jdk17 2.482-jdk17",
        "jdk17": "2.482-jdk17 2.481-jdk17 2.462.3-jdk17 2.462.2-jdk17",
    },
    (
        Question("lts", "lts 2.462.3 2.462.3-lts", "2.462.3-lts 2.462.3"),
        Question(
            "lts-jdk17",
            "lts-jdk17 2.462.3-jdk17 2.462.3-lts-jdk17 2.462.3-lts lts",
            "2.462.3-lts-jdk17 2.462.3-jdk17 2.462.3-lts",
        ),
        Question("jdk17", "jdk17 2.482-jdk17", "2.482-jdk17"),
    ),
    "latest alpine jdk17 jdk21 lts lts-jdk17 lts-jdk21 lts-alpine lts-slim",
)

UNIFI: Final = Repository(
    "jacobalberty/unifi",
    """
    latest stable stable-5 stable-6 stable-7 stable-8 testing rc beta v8 v8.4 v8.4.62 v8.4.59 v8.3.32
    v8.1.113 v8.0.28 v7 v7.5 v7.5.187 v7.4.162 v7.3.83 v7.2.95 v7.1.68 v7.0.25 v6 v6.5 v6.5.55 v6.5.54
    v6.4.54 v6.2.26 v5 v5.14.23 v5.13.32 v5.12.72 v8.5.2-rc v9.0.92-beta
    """,
    {
        "latest": "v9.0.92-beta v8.5.2-rc v8.4.62 v8.4.59 v8.4 v8.3.32 v8.1.113 v8.0.28 v8 v7.5.187",
        "v6": "v9.0.92-beta v8.5.2-rc v8.4.62",
    },
    (
        Question("latest", "latest stable stable-8 v8 v8.4 v8.4.62", "v8.4.62"),
        Question("stable-6", "stable-6 v6 v6.5 v6.5.55", "v6.5.55"),
        Question("v6", "stable-6 v6 v6.5 v6.5.55", "v6.5.55"),
        Question("rc", "rc v8.5.2-rc", "v8.5.2-rc"),
        Question("beta", "beta testing v9.0.92-beta", "v9.0.92-beta"),
    ),
    "latest stable testing rc beta",
)

TOOLING_IMAGES: Final = (PHP, MONGO, JENKINS, UNIFI)

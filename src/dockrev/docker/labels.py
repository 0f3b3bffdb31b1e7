"""Reads labels. Anyone can write anything into a label, so this module cleans every label once."""

from collections.abc import Mapping

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONEOFF = "com.docker.compose.oneoff"

OF_TOOLS = ("com.docker.compose.", "desktop.docker.io/")
"""Prefixes of labels that Compose or Docker Desktop writes, and no Compose file."""

MAX_TEXT_LENGTH = 64 * 1024


def clean_text(value: object) -> str:
    """Text that every database and encoding accepts: limited length, no NUL, no lone surrogates."""
    text = value if isinstance(value, str) else ""
    return (
        text[:MAX_TEXT_LENGTH].encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    )


def parse_labels(raw: object) -> Mapping[str, str]:
    """An engine sends `null` for "no labels". A label without a value becomes empty text."""
    if not isinstance(raw, Mapping):
        return {}
    return {clean_text(name): clean_text(value) for name, value in raw.items()}


def named(labels: Mapping[str, str], label: str) -> str | None:
    """The value of a label that holds a name. None when it is absent or blank."""
    return labels.get(label, "").strip() or None


class ComposeLabelled:
    """Reads the labels that Compose sets on its containers."""

    __slots__ = ()
    labels: Mapping[str, str]

    @property
    def project(self) -> str | None:
        return named(self.labels, PROJECT)

    @property
    def service(self) -> str | None:
        return named(self.labels, SERVICE)

    @property
    def number(self) -> int | None:
        """The number of the replica within its service."""
        text = self.labels.get(NUMBER, "")
        return int(text) if text.isdecimal() and len(text) < 10 else None

    @property
    def oneoff(self) -> bool:
        """`compose run` made it: it belongs to the project but says nothing about the service."""
        return self.labels.get(ONEOFF, "").lower() == "true"

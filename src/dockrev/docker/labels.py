"""Labels, which anyone can write: cleaned once, so that nothing behind this module meets a broken one."""

from collections.abc import Mapping

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONEOFF = "com.docker.compose.oneoff"

OF_TOOLS = ("com.docker.compose.", "desktop.docker.io/")
"""How labels begin that are in no file: what made the container wrote them."""

MAX_TEXT_LENGTH = 64 * 1024


def clean_text(value: object) -> str:
    """Text that every database and every encoding takes: bounded, without NUL and lone surrogates."""
    text = value if isinstance(value, str) else ""
    return (
        text[:MAX_TEXT_LENGTH].encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    )


def parse_labels(raw: object) -> Mapping[str, str]:
    """An engine says `null` for "no labels"; a label without a value is empty text."""
    if not isinstance(raw, Mapping):
        return {}
    return {clean_text(name): clean_text(value) for name, value in raw.items()}


def named(labels: Mapping[str, str], label: str) -> str | None:
    """A label that names something: blank counts as absent."""
    return labels.get(label, "").strip() or None


class ComposeLabelled:
    """What Compose wrote on a container that it made."""

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
        """Which replica of its service it is."""
        text = self.labels.get(NUMBER, "")
        return int(text) if text.isdecimal() and len(text) < 10 else None

    @property
    def oneoff(self) -> bool:
        """Made by `compose run`: it belongs to the project but says nothing about the service."""
        return self.labels.get(ONEOFF, "").lower() == "true"

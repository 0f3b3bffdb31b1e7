"""Services as they stand in a Compose document, whether Compose rendered it or not."""

from collections.abc import Mapping
from typing import Any

from dockrev.compose.models import ComposeService


def rendered_services(document: Any) -> tuple[ComposeService, ...]:
    """From `compose config`, which writes `$$` for `$`. Raises ValueError for a document of another shape."""
    return tuple(
        ComposeService(
            name=service.name,
            image=service.image and service.image.replace("$$", "$"),
            builds=service.builds,
            labels={name: value.replace("$$", "$") for name, value in service.labels.items()},
        )
        for service in written_services(document)
    )


def written_services(document: Any) -> tuple[ComposeService, ...]:
    services = document.get("services") or {} if isinstance(document, Mapping) else None
    if not isinstance(services, Mapping):
        raise ValueError("services is not a mapping")
    return tuple(_service(_text(name), body) for name, body in services.items())


def _service(name: str, body: Any) -> ComposeService:
    if not isinstance(body, Mapping):
        raise ValueError(f"service {name[:100]} is not a mapping")
    image = body.get("image")
    return ComposeService(
        name=name,
        image=_text(image).strip() or None if isinstance(image, str) else None,
        builds=body.get("build") is not None,
        labels=_labels(body.get("labels")),
    )


def _labels(written: Any) -> dict[str, str]:
    """A mapping, or a list of `name=value`; both forms are Compose's."""
    if isinstance(written, Mapping):
        return {_text(name): _text(value) for name, value in written.items()}
    if isinstance(written, list):
        pairs = (_text(item).partition("=") for item in written)
        return {name: value for name, _, value in pairs}
    return {}


def _text(scalar: Any) -> str:
    """YAML's booleans in YAML's words; escapes that encode no character are replaced."""
    if scalar is None:
        return ""
    text = str(scalar).lower() if isinstance(scalar, bool) else str(scalar)
    return text.encode("utf-8", "replace").decode()

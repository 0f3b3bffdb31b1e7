"""Parses the services of a Compose document, rendered by Compose or not."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dockrev.compose.dependencies import dependencies, volume_sources
from dockrev.compose.models import ComposeService, ServiceVolume
from dockrev.compose.resource_names import network_names, resource_name
from dockrev.compose.service_volumes import service_volumes


def rendered_services(document: Any, project: str) -> tuple[ComposeService, ...]:
    """Parses the output of `compose config`, which writes `$$` for `$`. Raises ValueError."""
    services = written_services(document)
    return tuple(
        replace(
            service,
            image=service.image and _unescaped(service.image),
            labels={_unescaped(name): _unescaped(value) for name, value in service.labels.items()},
            volumes=tuple(_rendered(volume, document.get("volumes"), project) for volume in service.volumes),
            networks=network_names(body, document.get("networks"), project),
            environment=_environment(body.get("environment")),
            published=_published(body.get("ports")),
            file_variables=_file_variables(body, document),
            digest=_digest(body),
        )
        for service, body in zip(services, (document.get("services") or {}).values(), strict=True)
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
        depends_on=dependencies(body),
        network_mode=_word(body.get("network_mode")),
        pid=_word(body.get("pid")),
        ipc=_word(body.get("ipc")),
        volumes_from=frozenset(volume_sources(body)),
        volumes=service_volumes(body.get("volumes")),
    )


def _word(written: Any) -> str | None:
    return written if isinstance(written, str) and written else None


def _unescaped(text: str) -> str:
    return text.replace("$$", "$")


def _rendered(volume: ServiceVolume, declared: Any, project: str) -> ServiceVolume:
    source = volume.source and _unescaped(volume.source)
    if source and volume.type == "volume":
        source = resource_name(source, declared, project)
    return replace(volume, source=source, target=_unescaped(volume.target))


def _environment(written: Any) -> dict[str, str | None]:
    if not isinstance(written, Mapping):
        return {}
    return {
        _text(name): None if value is None else _unescaped(_text(value)) for name, value in written.items()
    }


def _published(written: Any) -> frozenset[str]:
    """V1 prefers the short syntax: `[ADDRESS:]PUBLISHED:TARGET[/PROTOCOL]`."""
    ports = written if isinstance(written, list) else []
    published = (
        _text(port.get("published")) if isinstance(port, Mapping) else _text(port).rpartition(":")[0]
        for port in ports
    )
    return frozenset(port for text in published if (port := text.rpartition(":")[2]) not in ("", "0"))


def _file_variables(body: Mapping[str, Any], document: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        _text(variable)
        for kind in ("secrets", "configs")
        for reference in body.get(kind) or ()
        if isinstance(reference, Mapping)
        and isinstance(declared := (document.get(kind) or {}).get(reference.get("source")), Mapping)
        and (variable := declared.get("environment"))
    )


def _digest(body: Any) -> str:
    document = json.dumps(_with_text_keys(body), sort_keys=True, default=str)
    return hashlib.sha256(document.encode("utf-8", "replace")).hexdigest()


def _with_text_keys(written: Any) -> Any:
    """Keys of YAML may have different types, which JSON cannot sort."""
    if isinstance(written, Mapping):
        return {_text(name): _with_text_keys(value) for name, value in written.items()}
    return [_with_text_keys(value) for value in written] if isinstance(written, list) else written


def _labels(written: Any) -> dict[str, str]:
    """Compose allows a mapping and a list of `name=value`."""
    if isinstance(written, Mapping):
        return {_text(name): _text(value) for name, value in written.items()}
    if isinstance(written, list):
        pairs = (_text(item).partition("=") for item in written)
        return {name: value for name, _, value in pairs}
    return {}


def _text(scalar: Any) -> str:
    """Writes booleans as YAML does, and replaces lone surrogates."""
    if scalar is None:
        return ""
    text = str(scalar).lower() if isinstance(scalar, bool) else str(scalar)
    return text.encode("utf-8", "replace").decode()

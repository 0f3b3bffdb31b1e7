"""The dependencies of a service, in every form that a Compose file may have."""

from collections.abc import Iterator, Mapping
from typing import Any

from dockrev.compose.models import Dependency, DependencyCondition

NAMESPACES = ("network_mode", "pid", "ipc")


def dependencies(body: Mapping[str, Any]) -> tuple[Dependency, ...]:
    """Each service once. What `depends_on` says wins over an implied dependency."""
    by_service = {dependency.service: dependency for dependency in _written(body.get("depends_on"))}
    for service in _implied(body):
        by_service.setdefault(service, Dependency(service))
    return tuple(by_service.values())


def _written(depends_on: Any) -> Iterator[Dependency]:
    if isinstance(depends_on, Mapping):
        for service, options in depends_on.items():
            yield _dependency(str(service), options if isinstance(options, Mapping) else {})
    elif isinstance(depends_on, list):
        yield from (Dependency(str(service)) for service in depends_on)


def _dependency(service: str, options: Mapping[str, Any]) -> Dependency:
    condition = options.get("condition")
    return Dependency(
        service=service,
        condition=DependencyCondition(condition)
        if condition in set(DependencyCondition)
        else DependencyCondition.STARTED,
        restart=options.get("restart") is True,
    )


def _implied(body: Mapping[str, Any]) -> Iterator[str]:
    for namespace in NAMESPACES:
        mode = body.get(namespace)
        if isinstance(mode, str) and mode.startswith("service:"):
            yield mode.removeprefix("service:")
    for link in _texts(body.get("links")):
        yield link.partition(":")[0]
    yield from volume_sources(body)


def volume_sources(body: Mapping[str, Any]) -> Iterator[str]:
    """The services under `volumes_from`, written `SERVICE[:ro|rw]`; V1 renders `service:SERVICE:rw`."""
    for source in _texts(body.get("volumes_from")):
        first, *more = source.split(":")
        if first == "service" and more and more[0] not in ("ro", "rw"):
            yield more[0]
        elif first != "container":
            yield first


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []

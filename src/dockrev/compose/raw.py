"""Reads Compose files without Compose: to merge them when Compose cannot, and to find their references."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from dockrev.compose.models import ComposeService, EffectiveConfig
from dockrev.compose.services import written_services
from dockrev.compose.sources import Source, invalid, no_services

Item = TypeVar("Item")


class _TolerantConstructor(SafeConstructor):
    """Reads Compose's `!reset` as null, and `!override` and all other tags as the plain value."""

    def construct_tagged(self, tag: str, node: Node) -> Any:
        if tag == "reset":
            return None
        if isinstance(node, SequenceNode):
            return self.construct_sequence(node, deep=True)
        if isinstance(node, MappingNode):
            return self.construct_mapping(node, deep=True)
        return self.construct_scalar(node)


_TolerantConstructor.add_multi_constructor("!", _TolerantConstructor.construct_tagged)


def load(source: Source) -> Mapping[str, Any]:
    """Raises ComposeError `compose_file_invalid`. An empty file, which is valid, is an empty mapping."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _TolerantConstructor
    try:
        document = yaml.load(source.text)
    except MarkedYAMLError as error:
        raise invalid(source.path, _where(error)) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise invalid(source.path, f"not YAML: {type(error).__name__}") from error
    if not isinstance(document or {}, Mapping):
        raise invalid(source.path, "the top level is not a mapping")
    return document or {}


def merged(sources: tuple[Source, ...], warning: str) -> EffectiveConfig:
    """Later files win, key by key. Variables, `extends`, `include` and profiles are ignored."""
    services: dict[str, ComposeService] = {}
    for source in sources:
        for service in _services(source):
            earlier = services.get(service.name)
            services[service.name] = _merge(earlier, service) if earlier else service
    if not services:
        raise no_services()
    return EffectiveConfig(tuple(services.values()), (warning,), rendered=False)


def _services(source: Source) -> tuple[ComposeService, ...]:
    try:
        return written_services(load(source))
    except ValueError as error:
        raise invalid(source.path, str(error)) from error


def _merge(earlier: ComposeService, later: ComposeService) -> ComposeService:
    return replace(
        later,
        image=later.image or earlier.image,
        builds=later.builds or earlier.builds,
        labels={**earlier.labels, **later.labels},
        depends_on=_merge_by(lambda item: item.service, earlier.depends_on, later.depends_on),
        network_mode=later.network_mode or earlier.network_mode,
        pid=later.pid or earlier.pid,
        ipc=later.ipc or earlier.ipc,
        volumes=_merge_by(lambda volume: volume.target, earlier.volumes, later.volumes),
    )


def _merge_by(
    key: Callable[[Item], str], earlier: tuple[Item, ...], later: tuple[Item, ...]
) -> tuple[Item, ...]:
    return tuple({key(item): item for item in (*earlier, *later)}.values())


def _where(error: MarkedYAMLError) -> str:
    """Leaves out the line itself, which may hold a secret."""
    mark = error.problem_mark or error.context_mark
    line = f"line {mark.line + 1}: " if mark else ""
    return f"{line}{error.problem or error.context or 'not YAML'}"

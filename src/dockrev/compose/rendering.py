"""Parses the output of `compose config`."""

import json
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode

from dockrev.compose.complaints import error_in, warnings_in
from dockrev.compose.models import EffectiveConfig
from dockrev.compose.process import Finished
from dockrev.compose.services import rendered_services
from dockrev.compose.sources import no_services


class _NumbersAsPrinted(SafeConstructor):
    """V1 prints YAML 1.1, where the texts `1e3` and `0o17` need no quotes. YAML 1.2 reads them as numbers."""

    def as_printed(self, node: ScalarNode) -> str:
        return str(node.value)


for _number in ("int", "float"):
    _NumbersAsPrinted.add_constructor(f"tag:yaml.org,2002:{_number}", _NumbersAsPrinted.as_printed)


class CannotRender(Exception):
    """Compose cannot render this project. The text says why, for the operator."""


def parse_rendered(finished: Finished, project: str) -> EffectiveConfig:
    """Raises CannotRender when Compose failed, ComposeError when the project has no services."""
    # Some wrappers of the CLI lose its exit code, so empty output is a failure too.
    if finished.code != 0 or not finished.out.strip():
        raise CannotRender(error_in(finished.err))
    try:
        services = rendered_services(_document(finished.out), project)
    except (ValueError, YAMLError, RecursionError) as error:
        raise CannotRender(f"it printed something unexpected ({type(error).__name__})") from error
    if not services:
        raise no_services()
    return EffectiveConfig(services, warnings_in(finished.err))


def _document(text: str) -> Any:
    """V2 prints JSON, V1 prints YAML."""
    if text.lstrip().startswith("{"):
        return json.loads(text)
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _NumbersAsPrinted
    return yaml.load(text)

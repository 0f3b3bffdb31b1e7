"""The options of a synthetic registry, as values and as command line flags."""

import argparse
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeVar


class Auth(StrEnum):
    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"


class ExcessScopes(StrEnum):
    REFUSE = "refuse"
    """The token server answers 400 to the whole request."""
    DROP = "drop"
    """The token server grants the first scopes and silently drops the others."""


class TagList(StrEnum):
    PLAIN = "plain"
    """Pages with tag names only."""
    GOOGLE = "google"
    """All tags at once with what they name, like Google's registries. The token address is Google's too."""


BASIC_USER, BASIC_PASSWORD = "bench", "synthetic"


@dataclass(frozen=True, slots=True)
class Stock:
    """The content of a registry."""

    seed: str = "bench"
    images: int = 100
    tags: int = 200
    single_platform: int = 10
    """The percentage of images with only one platform."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    page: int = 1000
    """The highest number of tags in one answer of `tags/list`, whatever the request asks for."""
    latency: float = 0.0
    """The time of a round trip, in milliseconds."""
    jitter: float = 0.1
    handshake_rtts: float = 2.0
    """The number of round trips of a new connection before its first answer."""
    auth: Auth = Auth.BEARER
    tag_list: TagList = TagList.PLAIN
    expires_in: int = 300
    max_scopes: int | None = None
    excess_scopes: ExcessScopes = ExcessScopes.REFUSE
    max_url: int = 8192
    max_auth_header: int = 8192
    get_quota: int | None = None
    """The number of manifest GETs before 429."""
    rate: float | None = None
    """The number of requests a second before 429."""
    fail_rate: float = 0.0
    """The share of requests that get 503, from 0 to 1."""


Options = TypeVar("Options", Stock, Behaviour)

_OPTIONAL: dict[str, type[int] | type[float]] = {"max_scopes": int, "get_quota": int, "rate": float}


def add_flags(parser: argparse.ArgumentParser, options: Stock | Behaviour) -> None:
    """Adds a flag for every field. `options` has the defaults."""
    for option in fields(options):
        default = getattr(options, option.name)
        kind = _OPTIONAL.get(option.name) or type(default)
        choices = list(kind) if issubclass(kind, StrEnum) else None
        parser.add_argument(_flag(option.name), type=kind, default=default, choices=choices)


def read_flags(parsed: argparse.Namespace, kind: type[Options]) -> Options:
    return kind(**{option.name: getattr(parsed, option.name) for option in fields(kind)})


def arguments(options: Stock | Behaviour) -> list[str]:
    """The flags that parse to these options."""
    flags = []
    for option in fields(options):
        value = getattr(options, option.name)
        if value is not None:
            flags += [_flag(option.name), str(value)]
    return flags


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"

"""How a synthetic registry behaves, as values and as command line flags."""

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
    """400 to the whole request."""
    DROP = "drop"
    """A token for the first ones, and no word about the others."""


class TagList(StrEnum):
    PLAIN = "plain"
    """Names alone, page by page."""
    GOOGLE = "google"
    """Names and what they point at, all at once, as Google's registries answer; so is the token's address."""


BASIC_USER, BASIC_PASSWORD = "bench", "synthetic"


@dataclass(frozen=True, slots=True)
class Stock:
    """What a registry holds."""

    seed: str = "bench"
    images: int = 100
    tags: int = 200
    single_platform: int = 10
    """Images for one platform only, in a hundred."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    page: int = 1000
    """The most tags in one answer of `tags/list`, asked for or not."""
    latency: float = 0.0
    """Milliseconds for a round trip."""
    jitter: float = 0.1
    handshake_rtts: float = 2.0
    """Round trips that a new connection costs before its first answer."""
    auth: Auth = Auth.BEARER
    tag_list: TagList = TagList.PLAIN
    expires_in: int = 300
    max_scopes: int | None = None
    excess_scopes: ExcessScopes = ExcessScopes.REFUSE
    max_url: int = 8192
    max_auth_header: int = 8192
    get_quota: int | None = None
    """Manifest GETs before 429."""
    rate: float | None = None
    """Requests a second before 429."""
    fail_rate: float = 0.0
    """The share of requests that get 503."""


Options = TypeVar("Options", Stock, Behaviour)

_OPTIONAL: dict[str, type[int] | type[float]] = {"max_scopes": int, "get_quota": int, "rate": float}


def add_flags(parser: argparse.ArgumentParser, options: Stock | Behaviour) -> None:
    """A flag for every field; `options` holds the defaults."""
    for option in fields(options):
        default = getattr(options, option.name)
        kind = _OPTIONAL.get(option.name) or type(default)
        choices = list(kind) if issubclass(kind, StrEnum) else None
        parser.add_argument(_flag(option.name), type=kind, default=default, choices=choices)


def read_flags(parsed: argparse.Namespace, kind: type[Options]) -> Options:
    return kind(**{option.name: getattr(parsed, option.name) for option in fields(kind)})


def arguments(options: Stock | Behaviour) -> list[str]:
    """The flags that read back as `options`."""
    flags = []
    for option in fields(options):
        value = getattr(options, option.name)
        if value is not None:
            flags += [_flag(option.name), str(value)]
    return flags


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"

"""A rule that silences some candidates of a service."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MatchKind(StrEnum):
    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"
    SEMVER = "semver"


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    id: str
    service_id: str
    enabled: bool
    kind: MatchKind
    value: str
    note: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class IgnoreMatch:
    """A rule, and the tag or version of the candidate that it fits."""

    rule: IgnoreRule
    tag: str

"""What can be made to go wrong with a fake registry."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class Faults:
    """What goes wrong, for the whole registry or for one repository. All of it can change at any time."""

    down: bool = False
    """Hangs up without an answer. (`await registry.stop()` refuses connections.)"""
    slow_seconds: float = 0.0
    html: bool = False
    wrong_digest: bool = False
    no_digest_header: bool = False
    malformed_digest_header: bool = False
    endless_tags: Literal["", "same page", "nothing new", "always new"] = ""
    redirect_to: str | None = None
    """A base URL: the same path is asked there (307)."""
    redirect_blobs_to: str | None = None
    challenge_loop: bool = False
    status: int | None = None
    status_times: int | None = None
    """How often `status` is answered; None: always."""
    head_status: int | None = None
    """What every HEAD gets, while lists can be read."""
    broken_tags: frozenset[str] = frozenset()
    """HEADs of these get 500."""


@dataclass
class Limits:
    """How much the registry bears."""

    quota: int | None = None
    """Manifest GETs until 429; HEADs do not count."""
    burst: int | None = None
    """Requests at once, refilled by `rate` a second; beyond them 429."""
    rate: float = 0.0
    retry_after: str | None = None
    quota_headers: bool = True
    max_scopes: int | None = None
    max_url: int = 8192
    merge_status: int = 400
    """What a token request with too many scopes gets."""
    only_first_scope: bool = False

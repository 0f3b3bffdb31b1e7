"""The faults and limits of a fake registry."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class Faults:
    """The faults of the whole registry or of one repository. A test can change them at any time."""

    down: bool = False
    """Closes connections without an answer. (`await registry.stop()` makes it refuse connections.)"""
    slow_seconds: float = 0.0
    html: bool = False
    wrong_digest: bool = False
    no_digest_header: bool = False
    malformed_digest_header: bool = False
    endless_tags: Literal["", "same page", "nothing new", "always new"] = ""
    redirect_to: str | None = None
    """A base URL. Requests are redirected to the same path there (307)."""
    redirect_blobs_to: str | None = None
    challenge_loop: bool = False
    status: int | None = None
    status_times: int | None = None
    """How many requests get `status`. None: all requests."""
    head_status: int | None = None
    """The status of every HEAD. Tag lists still work."""
    broken_tags: frozenset[str] = frozenset()
    """A HEAD of one of these tags gets 500."""


@dataclass
class Limits:
    """The limits of the registry."""

    quota: int | None = None
    """The number of manifest GETs before 429. HEADs do not count."""
    burst: int | None = None
    """The number of requests before 429. It is refilled by `rate` a second."""
    rate: float = 0.0
    retry_after: str | None = None
    quota_headers: bool = True
    max_scopes: int | None = None
    max_url: int = 8192
    merge_status: int = 400
    """The status for a token request with too many scopes."""
    only_first_scope: bool = False

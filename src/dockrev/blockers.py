"""A reason why a service cannot be updated, for people and for programs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocker:
    """`code` is stable; `text` is a sentence for the operator; `remedy` says what the operator can do."""

    code: str
    text: str
    remedy: str | None = None

"""A reason why a service cannot be updated, for people and for programs."""

from dataclasses import dataclass

from dockrev.errors import Conflict


@dataclass(frozen=True, slots=True)
class Blocker:
    """`code` is stable; `text` is a sentence for the operator; `remedy` says what the operator can do."""

    code: str
    text: str
    remedy: str | None = None


class Blocked(Conflict):
    """A blocker stopped the work before it changed anything."""

    def __init__(self, blocker: Blocker) -> None:
        super().__init__(f"{blocker.text}; {blocker.remedy}" if blocker.remedy else blocker.text)
        self.blocker = blocker

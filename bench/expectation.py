"""The expected result of a check for each installed service. A bench compares the answers with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bench.catalogue import Quirk
from bench.installation import InstalledService, LocalImage
from bench.truth import ReleaseTruth, RepositoryTruth


class Outcome(StrEnum):
    SAME = "same"
    """The tag still names the running image, and there is no newer version."""
    MOVED = "moved"
    """The tag names another image now."""
    NEWER = "newer"
    """The tag names the running image, and a newer version has its own tag."""
    NOT_FOUND = "not found"
    SERVER_ERROR = "server error"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Expectation:
    project: str
    service: str
    reference: str
    running_digest: str
    outcome: Outcome
    offered: ReleaseTruth | None
    """What the service's own tag names now. None when it is not known."""
    newest: ReleaseTruth | None
    """The newest version that has a tag. None when it is not known."""


def expect(installed: InstalledService, registry: Mapping[str, RepositoryTruth] | None) -> Expectation:
    """`registry` is the truth of the service's registry by repository. None when it cannot be reached."""
    image = installed.image
    outcome, offered, newest = _answer(image, None if registry is None else registry[image.repository])
    return Expectation(
        installed.project,
        installed.service,
        image.reference,
        image.running.digest,
        outcome,
        offered,
        newest,
    )


def _answer(
    image: LocalImage, truth: RepositoryTruth | None
) -> tuple[Outcome, ReleaseTruth | None, ReleaseTruth | None]:
    if truth is None:
        return Outcome.UNREACHABLE, None, None
    if truth.quirk in _UNANSWERED:
        return _UNANSWERED[truth.quirk], None, None
    newest = truth.latest
    if image.running.digest == newest.digest:
        return Outcome.SAME, newest, newest
    if image.tag == "latest":
        return Outcome.MOVED, newest, newest
    return Outcome.NEWER, image.running, newest


_UNANSWERED = {Quirk.MISSING: Outcome.NOT_FOUND, Quirk.BROKEN: Outcome.SERVER_ERROR}

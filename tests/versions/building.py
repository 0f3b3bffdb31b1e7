"""Builds facts and snapshots of one repository."""

from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.versions.models import DigestKey, DigestSnapshot, ScanCounts, TagFact
from tests.fakes.clock import MovableClock

WEB = "ghcr.io/acme/web"
AMD64 = Platform("linux", "amd64")


def digest(name: str) -> Digest:
    return Digest.of(name.encode())


class Facts:
    """`facts(latest="new")` is the fact that `latest` names the content `new` now."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock

    def __call__(self, repository: str = WEB, **named: str) -> list[TagFact]:
        return [TagFact(repository, tag, digest(name), self._clock.now()) for tag, name in named.items()]

    def snapshot(
        self,
        name: str,
        *tags: str,
        repository: str = WEB,
        scan: ScanCounts = ScanCounts(3, 3, 3),  # noqa: B008
    ) -> DigestSnapshot:
        return DigestSnapshot(DigestKey(repository, digest(name), AMD64), tags, self._clock.now(), scan)

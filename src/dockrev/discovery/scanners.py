"""Scans several hosts. Each host has its own scanner."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dockrev.discovery.models import ScanResult
from dockrev.discovery.scan import Report, Scanner
from dockrev.errors import UpstreamError


@dataclass(frozen=True, slots=True)
class HostScans:
    """The results of scans of several hosts. `failures`: the error of each failed host, by host id."""

    results: tuple[ScanResult, ...]
    failures: Mapping[str, UpstreamError]

    @property
    def problems(self) -> Mapping[str, str]:
        """Why the projects of these stacks are unusable, by the id of the stack."""
        return {stack_id: why for result in self.results for stack_id, why in result.problems.items()}

    def merged(self) -> ScanResult:
        """One result for all hosts that were scanned. Raises the error of a host when all failed."""
        self.raise_if_all_failed()
        results = self.results
        return ScanResult(
            started_at=results[0].started_at,
            duration_ms=sum(result.duration_ms for result in results),
            projects_seen=sum(result.projects_seen for result in results),
            actions=tuple(action for result in results for action in result.actions),
        )

    def raise_if_all_failed(self) -> None:
        if self.failures and not self.results:
            raise next(iter(self.failures.values()))


class Scanners:
    def __init__(self, scanners: Iterable[Scanner]) -> None:
        self._scanners = {scanner.host_id: scanner for scanner in scanners}

    def __iter__(self) -> Iterator[Scanner]:
        return iter(self._scanners.values())

    def of(self, host_id: str) -> Scanner:
        return self._scanners[host_id]

    async def scan(self, host_ids: Iterable[str] | None = None) -> HostScans:
        """Scans these hosts at the same time. None: all hosts. A host that fails does not stop the others.

        Raises StorageError.
        """
        chosen_ids = self._scanners if host_ids is None else self._scanners.keys() & set(host_ids)
        scans = await asyncio.gather(*(_scan(self._scanners[host_id]) for host_id in chosen_ids))
        return _host_scans(dict(zip(chosen_ids, scans, strict=True)))

    async def scan_all(self, report: Report) -> HostScans:
        """Scans one host after the other. A host that fails does not stop the others. Raises StorageError."""
        return _host_scans({scanner.host_id: await _scan(scanner, report) for scanner in self})


def _host_scans(scans: Mapping[str, ScanResult | UpstreamError]) -> HostScans:
    return HostScans(
        tuple(scan for scan in scans.values() if isinstance(scan, ScanResult)),
        {host_id: scan for host_id, scan in scans.items() if isinstance(scan, UpstreamError)},
    )


async def _scan(scanner: Scanner, report: Report | None = None) -> ScanResult | UpstreamError:
    try:
        return await (scanner.scan(report) if report else scanner.scan())
    except UpstreamError as error:
        return error

"""The hosts that this process works with, by their ids."""

from collections.abc import Iterable, Iterator

from dockrev.docker.self_service import OwnService
from dockrev.errors import NotFound
from dockrev.hosts.host import Host
from dockrev.hosts.local import LOCAL
from dockrev.oci.platform import Platform


class HostDirectory:
    def __init__(self, hosts: Iterable[Host]) -> None:
        self._hosts = {host.id: host for host in hosts}

    def __iter__(self) -> Iterator[Host]:
        return iter(self._hosts.values())

    @property
    def local(self) -> Host:
        return self._hosts[LOCAL]

    def get(self, host_id: str) -> Host:
        """Raises NotFound for a host that is not configured, for example one that was removed."""
        host = self._hosts.get(host_id)
        if host is None:
            raise NotFound(f"the host {host_id} is not configured")
        return host

    async def platform(self, host_id: str) -> Platform:
        """For display. Stacks of a host that is no longer configured get the local platform."""
        return await self._hosts.get(host_id, self.local).platform()

    async def likely_own_service(self, host_id: str) -> OwnService | None:
        """For display. None for a host that is not configured."""
        host = self._hosts.get(host_id)
        return await host.likely_own_service() if host else None

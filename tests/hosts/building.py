"""Builds hosts around an engine that a test has opened."""

from dockrev.compose.lazy import LazyCompose
from dockrev.config.shared import DockerConfig
from dockrev.docker.engine import Engine
from dockrev.docker.process_identity import Traces
from dockrev.hosts.host import Host
from dockrev.hosts.local import LOCAL
from dockrev.oci.platform import Platform
from tests.fakes.clock import MovableClock

OWN_IMAGE = "registry.invalid/dockrev"


def host_of(
    engine: Engine,
    platform: Platform | None = None,
    *,
    compose: LazyCompose | None = None,
    traces: Traces | None = None,
    host_id: str = LOCAL,
) -> Host:
    """By default the host has no Compose, and this process runs outside of containers."""
    return Host(
        host_id,
        engine,
        compose or LazyCompose(DockerConfig(compose_bin="/nowhere/docker-compose"), MovableClock()),
        own_image=OWN_IMAGE,
        traces=traces or Traces("", ""),
        platform=platform,
    )

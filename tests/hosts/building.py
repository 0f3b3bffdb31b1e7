"""Hosts around an engine that a test has opened."""

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
    """Without Compose unless it is given; this process is in no container unless `traces` say so."""
    return Host(
        host_id,
        engine,
        compose or LazyCompose(DockerConfig(compose_bin="/nowhere/docker-compose"), MovableClock()),
        own_image=OWN_IMAGE,
        traces=traces or Traces("", ""),
        platform=platform,
    )

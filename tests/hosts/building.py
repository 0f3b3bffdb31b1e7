"""Hosts around an engine that a test has opened."""

from pathlib import Path

from dockrev.compose.lazy import LazyCompose
from dockrev.config import DockerConfig
from dockrev.docker.engine import Engine
from dockrev.docker.process_identity import Traces
from dockrev.hosts.host import LOCAL, Host
from dockrev.oci.platform import Platform
from tests.fakes.clock import MovableClock

OWN_IMAGE = "registry.invalid/dockrev"


def host_of(engine: Engine, platform: Platform | None = None, traces: Traces | None = None) -> Host:
    """A host without Compose; this process is in none of its containers."""
    compose = LazyCompose(DockerConfig(compose_bin=str(Path("/nowhere/docker-compose"))), MovableClock())
    return Host(
        LOCAL, engine, compose, own_image=OWN_IMAGE, traces=traces or Traces("", ""), platform=platform
    )

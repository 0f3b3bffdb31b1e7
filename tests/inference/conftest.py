from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockrev.config.shared import AuthConfig
from dockrev.inference.full_scan import FullScan, ScanTimeouts
from dockrev.inference.routes import InferenceRoutes
from dockrev.web.application import create_web_app
from dockrev.web.shutdown import Shutdown
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.api import Api
from tests.inference.building import APP, Engine, release


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as registry:
        yield registry


@pytest.fixture
async def engine(tmp_path: Path, clock: MovableClock, registry: FakeRegistry) -> AsyncIterator[Engine]:
    async with Engine.open(tmp_path, clock, registry) as engine:
        yield engine


@pytest.fixture
def api(engine: Engine, registry: FakeRegistry) -> Api:
    """The service uses `latest`. It runs 1.4.0, and the candidate is 1.4.1."""
    old, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, new)
    patience = ScanTimeouts(list_seconds=0.2, manifest_seconds=0.2, scan_seconds=0.4)
    full_scan = FullScan(engine.client, engine.versions, engine.images, engine.clock, patience)
    shutdown = Shutdown()
    routes = InferenceRoutes(
        engine.queue,
        engine.versions,
        engine.services,
        full_scan,
        engine.client,
        engine.events,
        shutdown,
        engine.clock,
    )
    return Api(engine, full_scan, create_web_app([routes.router], AuthConfig(), "1.0"), old, new, shutdown)

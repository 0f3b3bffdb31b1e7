"""A client with limits of its own, and a certificate."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockrev.http.client import HttpClient, Timeouts, tls_context
from dockrev.http.rate_limit import RateLimitPolicy, RateLimits
from tests.fakes.clock import MovableClock
from tests.fakes.http_server import self_signed_certificate

TIMEOUTS = Timeouts(connect_seconds=10, total_seconds=10)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.fixture
def limits(clock: MovableClock) -> RateLimits:
    return RateLimits(RateLimitPolicy(base_ms=1, max_ms=1100), clock)


@pytest.fixture
async def client(limits: RateLimits) -> AsyncIterator[HttpClient]:
    async with HttpClient.open(limits, tls_context(None), TIMEOUTS) as opened:
        yield opened

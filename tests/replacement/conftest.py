from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.replacement.bench import ReplacementBench, opened_bench
from tests.testbed.engine import Engine
from tests.testbed.images import Images
from tests.testbed.projects import Projects
from tests.testbed.registry import Registry


@pytest.fixture
async def bench(
    engine: Engine, registry: Registry, images: Images, projects: Projects, tmp_path: Path
) -> AsyncIterator[ReplacementBench]:
    async with opened_bench(engine, registry, images, projects, tmp_path) as bench:
        yield bench

"""Creates volumes of the testbed's engine without the code under test."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.testbed.engine import Engine


@contextmanager
def temporary_volume(engine: Engine, options: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yields the name of a volume that exists until the end of the block."""
    name = f"v{secrets.token_hex(4)}"
    document = json.dumps({"Name": name, "DriverOpts": dict(options or {})}).encode()
    engine.api.call("POST", "/volumes/create", body=document, headers={"Content-Type": "application/json"})
    try:
        yield name
    finally:
        engine.api.call("DELETE", f"/volumes/{name}")

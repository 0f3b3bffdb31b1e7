"""Measures the current speed of this machine, so that times can be shown as ratios to it."""

import hashlib
import json
import time

_ROUNDS = 400
_REPEATS = 5
_DOCUMENT = {"services": [{"name": f"service-{number}", "digest": "0" * 64} for number in range(100)]}


def calibrate() -> float:
    """Seconds for a fixed piece of work. The best of five runs counts, which leaves out busy moments."""
    return min(_timed() for _ in range(_REPEATS))


def _timed() -> float:
    began = time.perf_counter()
    fixed_work()
    return time.perf_counter() - began


def fixed_work() -> str:
    """Encodes, hashes and decodes the same bytes each time, on one core, without I/O."""
    digest = ""
    for number in range(_ROUNDS):
        text = json.dumps({"round": number, "before": digest, **_DOCUMENT})
        digest = hashlib.sha256(text.encode()).hexdigest()
        json.loads(text)
    return digest

"""The memory that importing the replacement engine takes. The whole supervisor has 60 MB."""

import subprocess
import sys

PROGRAM = """
import re, sys
import dockrev.replacement, dockrev.replacement.replace, dockrev.replacement.file_journal
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(*sorted({"sqlalchemy", "pydantic", "fastapi"} & set(sys.modules)))
"""
MOST_KIB = 45 * 1024


def test_the_engine_is_small_and_needs_neither_orm_nor_web_framework() -> None:
    for _ in range(2):  # the first run compiles what changed, which takes memory of its own
        done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    kib, heavy = done.stdout.splitlines()
    assert (int(kib) < MOST_KIB, heavy) == (True, ""), kib

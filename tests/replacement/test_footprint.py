"""The memory that importing the replacement engine takes. The whole supervisor has 60 MB."""

import subprocess
import sys

PROGRAM = """
import re, sys
import dockrev.replacement, dockrev.replacement.replace, dockrev.replacement.file_journal
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(*sorted({"sqlalchemy", "pydantic", "fastapi"} & set(sys.modules)))
"""
MOST_KILOBYTES = 45_000


def test_the_engine_is_small_and_needs_neither_orm_nor_web_framework() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    kilobytes, heavy = done.stdout.splitlines()
    assert (int(kilobytes) < MOST_KILOBYTES, heavy) == (True, ""), kilobytes

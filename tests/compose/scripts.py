"""A script that replaces Compose and records its calls."""

import json
from pathlib import Path

from dockrev.compose.cli import Compose
from dockrev.config.shared import DockerConfig

RENDERED = json.dumps({"services": {"web": {"image": "nginx:1"}}})


class Script:
    """A Compose CLI that prints what the test sets and records its arguments."""

    def __init__(self, directory: Path, name: str = "docker-compose", version: str = "2.40.3") -> None:
        directory.mkdir(exist_ok=True)
        self.path = directory / name
        self._log = directory / f"{name}.log"
        self._version = version
        self.answers(RENDERED)

    def answers(self, out: str, err: str = "", code: int = 0, before: str = ":") -> None:
        for suffix, text in (("out", out), ("err", err)):
            self.path.with_suffix(f".{suffix}").write_text(text)
        self.path.write_text(
            f"""#!/bin/sh
case "$*" in *version*--short) echo {self._version}; exit 0;; esac
printf '%s\\n' "$@" > {self._log}.new; echo >> {self._log}.new; cat {self._log}.new >> {self._log}
{before}
cat {self.path}.out; cat {self.path}.err >&2
exit {code}
"""
        )
        self.path.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        text = self._log.read_text() if self._log.exists() else ""
        return [call.splitlines() for call in text.split("\n\n") if call]


async def find(script: Script, timeout_seconds: float = 20) -> Compose:
    return await Compose.find(DockerConfig(compose_bin=str(script.path)), timeout_seconds)

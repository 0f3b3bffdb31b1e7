"""Debian's docker-registry on loopback: without authentication, with passwords, or with bearer tokens."""

import json
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.testbed.access import Access, SigningKey, Tokens
from tests.testbed.keeper import Keeper
from tests.testbed.registry import Registry

_READY_SECONDS = 30


class RegistryFailed(Exception):
    """A server did not start. The message is its log."""


def serve(keeper: Keeper, name: str, access: Access) -> Registry:
    """Starts the registry called `name` unless it runs."""

    def command(directory: Path, port: int) -> Sequence[str]:
        config = directory / "config.json"
        config.write_text(json.dumps(_settings(directory, port, access)))
        return ("docker-registry", "serve", str(config))

    return Registry(f"127.0.0.1:{_listen(keeper, name, command)}", access)


def serve_with_tokens(keeper: Keeper, name: str) -> Registry:
    """Starts a registry and the server that issues its tokens."""
    issuer = f"{name}-issuer"
    signing = SigningKey(keeper.directory / issuer)

    def command(directory: Path, port: int) -> Sequence[str]:
        signing.create()
        return (sys.executable, "-m", "tests.testbed.token_server", str(port), str(directory))

    return serve(keeper, name, Tokens(_listen(keeper, issuer, command), signing))


def _settings(directory: Path, port: int, access: Access) -> Mapping[str, Any]:
    """The configuration as JSON, which is valid YAML."""
    return {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(directory / "data")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{port}"},
        **access.settings(directory),
    }


def _listen(keeper: Keeper, name: str, command: Callable[[Path, int], Sequence[str]]) -> int:
    """Starts the server called `name` unless another process has done so. Returns its port."""
    directory = keeper.directory / name
    with keeper.alone():
        if not keeper.running(name):
            directory.mkdir(exist_ok=True)
            port = _free_port()
            (directory / "port").write_text(str(port))
            log = keeper.directory / f"{name}.log"
            keeper.start(name, command(directory, port), log)
            _await_listener(keeper, name, port, log)
        return int((directory / "port").read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_listener(keeper: Keeper, name: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not _listens(port):
        if not keeper.running(name) or time.monotonic() > deadline:
            raise RegistryFailed(f"{name}: {log.read_text(errors='replace')}")
        time.sleep(0.02)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

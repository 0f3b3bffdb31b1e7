"""The testbed as one object: a private engine, registries and images."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Self

from tests.testbed.access import Anonymous, Passwords
from tests.testbed.docker_config import DockerConfig
from tests.testbed.engine import Engine
from tests.testbed.images import Images
from tests.testbed.keeper import Keeper, default_root
from tests.testbed.registry import Registry
from tests.testbed.registry_process import serve, serve_with_tokens
from tests.testbed.requirements import BUSYBOX, require


class Bed:
    """Starts a part at its first use. All parts stop when the last process has left the testbed."""

    def __init__(self, keeper: Keeper, engine_name: str = "engine") -> None:
        self.keeper = keeper
        self._engine_name = engine_name
        self.docker_config = DockerConfig(keeper.directory / "docker-config")
        """Has the accounts of the registries that were used so far."""

    @classmethod
    @contextmanager
    def open(cls, name: str, root: Path | None = None, *, engine: str = "engine") -> Iterator[Self]:
        """Joins the testbed of this name, which all processes share that open the name.

        They share the engine too if they use the same `engine` name. Raises NoTestbed when this machine
        cannot run a testbed.
        """
        require()
        keeper = Keeper.join(root or default_root(), name)
        try:
            yield cls(keeper, engine)
        finally:
            keeper.leave()

    @property
    def directory(self) -> Path:
        return self.keeper.directory

    @cached_property
    def engine(self) -> Engine:
        engine = Engine(self.keeper, self._engine_name)
        engine.start()
        return engine

    @cached_property
    def images(self) -> Images:
        return Images(BUSYBOX)

    @cached_property
    def registry(self) -> Registry:
        """A registry without authentication."""
        return serve(self.keeper, "registry", Anonymous())

    @cached_property
    def password_registry(self) -> Registry:
        """A registry that requires HTTP basic authentication for everything."""
        return self._remembered(serve(self.keeper, "password-registry", Passwords()))

    @cached_property
    def token_registry(self) -> Registry:
        """A registry with bearer tokens. Anybody may pull repositories below a folder `public`."""
        return self._remembered(serve_with_tokens(self.keeper, "token-registry"))

    def _remembered(self, registry: Registry) -> Registry:
        if registry.access.credentials:
            with self.keeper.alone():
                self.docker_config.remember(registry.host, registry.access.credentials)
        return registry

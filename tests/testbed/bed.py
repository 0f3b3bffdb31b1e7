"""The testbed as one object: a private engine, registries, images. For tests and for demonstrations."""

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
    """Parts start when they are first asked for, and stop when the last process that joined has left."""

    def __init__(self, keeper: Keeper, engine_name: str = "engine") -> None:
        self.keeper = keeper
        self._engine_name = engine_name
        self.docker_config = DockerConfig(keeper.directory / "docker-config")
        """Knows the accounts of those registries that have been asked for."""

    @classmethod
    @contextmanager
    def open(cls, name: str, root: Path | None = None, *, engine: str = "engine") -> Iterator[Self]:
        """Processes that open the same name share one testbed, and its engine if they name that alike too.

        Raises NoTestbed where none can run.
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
        """Anybody may read and write."""
        return serve(self.keeper, "registry", Anonymous())

    @cached_property
    def password_registry(self) -> Registry:
        """HTTP basic authentication for everything."""
        return self._remembered(serve(self.keeper, "password-registry", Passwords()))

    @cached_property
    def token_registry(self) -> Registry:
        """Bearer tokens; repositories below a folder `public` may be pulled by anybody."""
        return self._remembered(serve_with_tokens(self.keeper, "token-registry"))

    def _remembered(self, registry: Registry) -> Registry:
        if registry.access.credentials:
            with self.keeper.alone():
                self.docker_config.remember(registry.host, registry.access.credentials)
        return registry

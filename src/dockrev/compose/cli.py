"""The Compose CLI. Only this module knows its command lines."""

import asyncio
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from dockrev.compose import raw
from dockrev.compose.complaints import MASK
from dockrev.compose.inputs import InputsUnknown, Stamps, inputs_named_by, inputs_of, stamp
from dockrev.compose.models import EffectiveConfig, ProjectFiles, UpOrder
from dockrev.compose.process import Command, Stream, collect, run
from dockrev.compose.rendering import CannotRender, parse_rendered
from dockrev.compose.sources import Source, read_sources
from dockrev.compose.up_output import UpOutput
from dockrev.config.shared import DockerConfig
from dockrev.errors import ComposeError

UP_SECONDS = 900.0
"""Long, because containers may have a long grace period."""

_REPLACED = re.compile(r"\bContainer \S+ +(?:Creat|Recreat|Remov)")
_VERSION = re.compile(r"v?(\d+\.\d+[^\s,]*)")
_VERSION_TIMEOUT_SECONDS = 20.0
_CONCURRENT_CHILDREN = 4
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class _Remembered:
    files: ProjectFiles
    stamps: Stamps
    config: EffectiveConfig


class Compose:
    def __init__(
        self,
        command: tuple[str, ...],
        version: str,
        environment: Mapping[str, str],
        timeout_seconds: float = 30.0,
    ) -> None:
        self.command = command
        self.version = version
        self._environment = environment
        self._timeout_seconds = timeout_seconds
        self._remembered: dict[str, _Remembered] = {}
        self._children = asyncio.Semaphore(_CONCURRENT_CHILDREN)

    @classmethod
    async def find(cls, config: DockerConfig, timeout_seconds: float = 30.0) -> Self:
        """Raises ComposeError, which says how to install Compose, when no candidate answers."""
        environment = child_environment(config)
        failures = []
        for command in _candidates(config.compose_bin, environment["PATH"]):
            try:
                version = await _version_of(command, environment)
            except ComposeError as error:
                failures.append(error.message)
            else:
                return cls(command, version, environment, timeout_seconds)
        raise ComposeError(
            "No Compose CLI answers. Install the Compose plugin of Docker (package docker-compose-plugin), or"
            f" name the command in DOCKREV_COMPOSE_BIN. Tried: {'; '.join(failures)}",
            permanent=True,
        )

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    async def effective_config(self, files: ProjectFiles) -> EffectiveConfig:
        """All services of all profiles, with variables, `extends`, `include` and overrides applied.

        The result is remembered until one of the files changes. When Compose cannot render the files, this
        method merges them as written, with a warning that says why, and asks Compose again next time. It
        raises ComposeError when the merge fails too; `details["reason"]` is compose_file_unreadable,
        compose_file_invalid or compose_no_services.
        """
        remembered = self._remembered.get(files.name)
        if remembered and remembered.files == files and await _unchanged(remembered.stamps):
            return remembered.config
        sources = await asyncio.to_thread(read_sources, files)
        stamps = await asyncio.to_thread(_stamps, files, sources)
        self._remembered.pop(files.name, None)
        try:
            config = await self._rendered(files)
        except CannotRender as error:
            return await asyncio.to_thread(raw.merged, sources, _merged_because(files, error))
        if stamps is None:
            own_stamps = await asyncio.to_thread(stamp, inputs_named_by(files))
            return replace(config, changed_at=_last_change(own_stamps))
        config = replace(config, changed_at=_last_change(stamps))
        self._remembered[files.name] = _Remembered(files, stamps, config)
        return config

    async def up(
        self,
        order: UpOrder,
        on_line: Callable[[str], None],
        *,
        timeout_seconds: float = UP_SECONDS,
    ) -> None:
        """Makes the containers of exactly these services match the project's own files and local images.

        Compose builds nothing and touches no other service. It pulls nothing, except that V1 pulls an image
        that the engine does not have. `on_line` gets the output of Compose without the values that it quotes.
        Raises ComposeError with the errors that Compose printed. What Compose had done by then stays.
        """
        output = UpOutput()

        def take(_: Stream, line: str) -> None:
            if (text := output.take(line)) is not None:
                on_line(text)

        words, directory = self._up(order), _existing(order.files.directory)
        code = await run(Command(words, self._environment, directory, timeout_seconds), take)
        names = ", ".join(order.services)
        if code < 0:  # its last output is not the reason
            raise ComposeError(f"`compose up` of {names} was killed in the middle of it (signal {-code})")
        if code != 0:
            raise ComposeError(f"`compose up` of {names} failed with exit code {code}: {output.failure()}")

    async def is_up_to_date(self, files: ProjectFiles, service: str, replicas: int) -> bool:
        """Whether `up` would keep all its containers. False also when Compose (V1, early V2) cannot tell."""
        if self.major < 2:
            return False
        words = self._up(UpOrder(files, (service,), {service: replicas}))
        dry_run = (*self.command, "--dry-run", *words[len(self.command) :])
        directory = _existing(files.directory)
        async with self._children:
            finished = await collect(Command(dry_run, self._environment, directory, self._timeout_seconds))
        return finished.code == 0 and not _REPLACED.search(f"{finished.out}\n{finished.err}")

    def up_line(self, order: UpOrder) -> str:
        """The command line of `up`, quoted for a shell."""
        arguments = self._up(order)[len(self.command) :]
        return shlex.join((*map(_without_value, self.command), *arguments))

    def _up(self, order: UpOrder) -> tuple[str, ...]:
        # V1 has neither option. Without the second one, a `.env` may make V2 remove orphans.
        only_v2 = ("--pull", "never", "--remove-orphans=false") if self.major >= 2 else ()
        scale = [word for name, number in order.scales.items() for word in ("--scale", f"{name}={number}")]
        force = ("--force-recreate",) if order.recreate else ()
        options = ("up", "--detach", "--no-deps", "--no-build", *only_v2, *force, *scale)
        return (*self.command, *self._project_options(order.files), *options, "--", *order.services)

    async def _rendered(self, files: ProjectFiles) -> EffectiveConfig:
        options = ("--format", "json") if self.major >= 2 else ()
        words = (*self.command, *self._project_options(files), "config", *options)
        directory = _existing(files.directory)
        try:
            async with self._children:
                finished = await collect(Command(words, self._environment, directory, self._timeout_seconds))
        except ComposeError as error:
            raise CannotRender(error.message) from error
        config = await asyncio.to_thread(parse_rendered, finished, files.name)
        file_variables = frozenset(name for service in config.services for name in service.file_variables)
        if file_variables:
            config = replace(config, unset_variables=file_variables - await self._variables(files))
        if self.major < 2 and len(files.env_files) > 1:
            warning = f"Compose V1 reads one env file; {files.env_files[-1]} was used, the others were not."
            config = replace(config, warnings=(*config.warnings, warning))
        return config

    async def _variables(self, files: ProjectFiles) -> frozenset[str]:
        """The names of the variables that are set for the project; empty when Compose cannot list them."""
        words = (*self.command, *self._project_options(files), "config", "--environment")
        directory = _existing(files.directory)
        try:
            async with self._children:
                finished = await collect(Command(words, self._environment, directory, self._timeout_seconds))
        except ComposeError as error:
            raise CannotRender(error.message) from error
        names = (line.partition("=") for line in finished.out.splitlines() if finished.code == 0)
        return frozenset(name for name, equals, _ in names if equals)

    def _project_options(self, files: ProjectFiles) -> tuple[str, ...]:
        words = [f"--project-name={files.name}", "--project-directory", str(files.directory)]
        for path in files.config_files:
            words += ["--file", str(path)]
        for path in files.env_files if self.major >= 2 else files.env_files[-1:]:
            words += ["--env-file", str(path)]
        if self.major >= 2:  # V1 lists the services of all profiles anyway
            words += ["--profile", "*"]
        return tuple(words)


def _without_value(word: str) -> str:
    """Masks the value: DOCKREV_COMPOSE_BIN may begin with `env NAME=value`."""
    name, equals, _ = word.partition("=")
    return f"{name}={MASK}" if equals and name.isidentifier() else word


def _merged_because(files: ProjectFiles, error: CannotRender) -> str:
    return (
        f"Compose could not render {files.config_files[0]} ({error});"
        " its services are read from the files as they are written, without variables."
    )


def child_environment(config: DockerConfig) -> Mapping[str, str]:
    """The whole environment of Compose. A variable of Dockrev must not become a value in a project."""
    environment = {"PATH": _PATH, "LC_ALL": "C.UTF-8", **config.child_environment, "DOCKER_HOST": config.host}
    if config.tls_directory is not None:
        environment |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(config.tls_directory)}
    return environment


def _candidates(compose_bin: str | None, path: str) -> tuple[tuple[str, ...], ...]:
    if compose_bin is None:
        return ("docker", "compose"), ("docker-compose",)
    if Path(compose_bin).name == "docker":
        return ((compose_bin, "compose"),)
    if shutil.which(compose_bin, path=path):
        return ((compose_bin,),)
    try:
        return (tuple(shlex.split(compose_bin)),)
    except ValueError as error:
        raise ComposeError(f"DOCKREV_COMPOSE_BIN: {compose_bin!r} is no command ({error}).") from error


async def _version_of(command: tuple[str, ...], environment: Mapping[str, str]) -> str:
    words = (*command, "version", "--short")
    finished = await collect(Command(words, environment, Path("/"), _VERSION_TIMEOUT_SECONDS))
    match = _VERSION.match(finished.out.strip())
    if finished.code != 0 or match is None:
        output = (finished.err.strip() or finished.out.strip()).partition("\n")[0][:200]
        raise ComposeError(f"`{shlex.join(words)}` answers {output!r}")
    return match[1]


def _existing(directory: Path) -> Path:
    try:
        return directory if directory.is_dir() else Path("/")
    except OSError:  # no permission, or an invalid name
        return Path("/")


async def _unchanged(stamps: Stamps) -> bool:
    return await asyncio.to_thread(stamp, [path for path, _ in stamps]) == stamps


def _last_change(stamps: Stamps) -> datetime | None:
    times = [file_stamp[0] for _, file_stamp in stamps if file_stamp]
    return datetime.fromtimestamp(max(times) / 1e9, UTC) if times else None


def _stamps(files: ProjectFiles, sources: tuple[Source, ...]) -> Stamps | None:
    try:
        return stamp(inputs_of(files, sources))
    except InputsUnknown:
        return None

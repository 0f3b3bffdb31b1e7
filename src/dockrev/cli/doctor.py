"""`dockrev doctor`: what Dockrev finds here, part by part, and what to do about what it does not find."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from dockrev.cli.printable import printable
from dockrev.clock import Clock
from dockrev.compose.cli import Compose
from dockrev.config import Config
from dockrev.db import lock_owner, migrate
from dockrev.db.database import storage_errors
from dockrev.discovery.projects import projects_in
from dockrev.docker.engine import Engine
from dockrev.errors import ComposeError, DockerError, RegistryError, StorageError
from dockrev.registry.credentials import CredentialStore
from dockrev.registry.transport import tls_context


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    part: str
    verdict: Verdict
    text: str


_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


async def examine(config: Config, clock: Clock, console: Console) -> bool:
    """Prints one line for each finding as it is made; returns whether nothing failed."""
    sound = True
    async for found in _findings(config, clock):
        sound = sound and found.verdict is not Verdict.FAIL
        colour = _COLOURS[found.verdict]
        console.print(
            f"[{colour}]{found.verdict:<5}[/] {found.part:<13} {escape(printable(found.text))}",
            soft_wrap=True,
        )
    return sound


async def _findings(config: Config, clock: Clock) -> AsyncIterator[Diagnosis]:
    yield Diagnosis("version", Verdict.OK, config.version)
    for warning in config.warnings:
        yield Diagnosis("configuration", Verdict.WARN, warning)
    async for found in _engine(config):
        yield found
    yield await _compose(config)
    yield await asyncio.to_thread(_database, config)
    yield await asyncio.to_thread(_logins, config, clock)
    if config.registry.ca_file:
        yield _authorities(config.registry.ca_file)
    yield _access(config)


async def _engine(config: Config) -> AsyncIterator[Diagnosis]:
    async with Engine.open(config.docker) as engine:
        try:
            found, snapshot = await engine.describe(), await engine.observe()
        except DockerError as error:
            yield Diagnosis("engine", Verdict.FAIL, error.message)
            return
    text = f"{found.name} {found.version}, API {found.api_version}, {found.platform}, at {config.docker.host}"
    yield Diagnosis("engine", Verdict.OK, text)
    projects = projects_in(snapshot)
    names = ", ".join(project.name for project in projects)
    if projects:
        yield Diagnosis("projects", Verdict.OK, f"{len(projects)} with containers: {names}")
    else:
        yield Diagnosis("projects", Verdict.WARN, "no container of a Compose project exists on this engine")


async def _compose(config: Config) -> Diagnosis:
    try:
        compose = await Compose.find(config.docker)
    except ComposeError as error:
        return Diagnosis("compose", Verdict.FAIL, error.message)
    text = f"{compose.version} ({' '.join(compose.command)})"
    if compose.major < 2:
        return Diagnosis("compose", Verdict.WARN, f"{text}: works; Compose V2 reads more of today's files")
    return Diagnosis("compose", Verdict.OK, text)


def _database(config: Config) -> Diagnosis:
    path = config.db_path
    try:
        with storage_errors(path):
            if lock_fault := _lock_fault(path):
                return Diagnosis("database", Verdict.FAIL, lock_fault)
            found = migrate.revision(path)
            writable = _is_writable(path)
    except StorageError as error:
        return Diagnosis("database", Verdict.FAIL, error.message)
    if not writable:
        return Diagnosis("database", Verdict.FAIL, f"{path} cannot be written by this user")
    if found is None:
        return Diagnosis("database", Verdict.OK, f"{path} does not exist yet; the server will make it")
    if found > migrate.HEAD:
        text = f"{path} was written by a newer Dockrev (schema {found}; this release: {migrate.HEAD})"
        return Diagnosis("database", Verdict.FAIL, text)
    return Diagnosis("database", Verdict.OK, f"{path}, schema {found}")


def _lock_fault(path: Path) -> str | None:
    holder = lock_owner.writer(path)
    if holder is None:
        return None
    who = f"process {holder} ({_program(holder)})" if holder else "a process outside this container"
    return f"{path}: {who} holds its write lock and does not let go; stop it, then try again"


def _program(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "gone meanwhile"


def _is_writable(path: Path) -> bool:
    """The file, or the nearest directory above it that exists, since the server makes the rest."""
    nearest = next(place for place in (path, *path.parents) if place.exists())
    return os.access(nearest, os.W_OK) and os.access(nearest if nearest.is_dir() else nearest.parent, os.W_OK)


def _logins(config: Config, clock: Clock) -> Diagnosis:
    path = config.registry.credentials_file
    try:
        hosts = CredentialStore(path, clock).hosts()
    except RegistryError as error:
        return Diagnosis("logins", Verdict.FAIL, f"{path}: {error.message}")
    if not hosts:
        return Diagnosis("logins", Verdict.OK, f"none in {path}: registries are asked without a login")
    return Diagnosis("logins", Verdict.OK, f"{path}: {', '.join(hosts)}")


def _authorities(ca_file: Path) -> Diagnosis:
    try:
        tls_context(str(ca_file))
    except OSError:  # ssl.SSLError is one
        return Diagnosis(
            "authorities", Verdict.FAIL, f"no certificates in {ca_file} (DOCKREV_REGISTRY_CA_FILE)"
        )
    return Diagnosis("authorities", Verdict.OK, f"{ca_file}, beside the machine's own")


def _access(config: Config) -> Diagnosis:
    auth = config.auth
    if auth.allowed_user or auth.allowed_group:
        if auth.trusted_proxies is None:
            text = "identity headers are believed from any peer; set DOCKREV_TRUSTED_PROXIES"
            return Diagnosis("access", Verdict.WARN, text)
        return Diagnosis("access", Verdict.OK, "limited to the configured user or group")
    if auth.allow_anonymous:
        text = "everybody who reaches the port is let in; set DOCKREV_AUTH_ALLOWED_USER or _GROUP"
        return Diagnosis("access", Verdict.WARN, text)
    return Diagnosis("access", Verdict.FAIL, "nobody is let in: neither an allowed user nor a group is set")

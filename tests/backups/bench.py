"""A project with data on the real engine, and the objects that back it up and restore it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dockrev.backups.create import BackupCreator
from dockrev.backups.models import BackupResult, BackupStatus, OnProgress
from dockrev.backups.recovery import BackupRecovery
from dockrev.backups.restore import BackupRestorer
from dockrev.backups.settings import BackupSettings
from dockrev.backups.store import BackupStore
from dockrev.backups.verify import BackupVerification
from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.docker.engine import Engine
from dockrev.jobs.models import BackupMode
from dockrev.settings.store import SettingsStore
from dockrev.stacks.models import BackupChoice, Service, ServiceSettings, Stack
from tests.hosts.building import host_of
from tests.settings.building import settings_store
from tests.stacks.building import service, stack
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.projects import Project


@dataclass(frozen=True, slots=True)
class Bench:
    creator: BackupCreator
    restorer: BackupRestorer
    verification: BackupVerification
    recovery: BackupRecovery
    settings: SettingsStore
    store: BackupStore
    base_dir: Path

    @classmethod
    async def prepare(
        cls, engine: Engine, database: Database, clock: Clock, base_dir: Path, **changes: Any
    ) -> "Bench":
        settings = settings_store(database, clock)
        await settings.save(BackupSettings(base_dir=str(base_dir), **changes), changed_by="test")
        store = BackupStore(database, clock)
        host = host_of(engine)
        return cls(
            BackupCreator(host, store, settings, clock),
            BackupRestorer(host, store),
            BackupVerification(host, store),
            BackupRecovery([host], store),
            settings,
            store,
            base_dir,
        )

    async def change(self, **changes: Any) -> None:
        await self.settings.save(BackupSettings(base_dir=str(self.base_dir), **changes), changed_by="test")

    async def back_up(
        self,
        project: Project,
        *services: Service,
        mode: BackupMode = BackupMode.INHERIT,
        on_progress: OnProgress = lambda _: None,
    ) -> BackupResult:
        return await self.creator.create(None, stack_of(project), services or (web(),), mode, on_progress)

    async def made(self, project: Project, *services: Service) -> str:
        """Makes a backup, which has to succeed. Returns its id."""
        result = await self.back_up(project, *services)
        assert result.status is BackupStatus.SUCCESS, result
        assert result.backup_id is not None
        return result.backup_id

    def files(self) -> list[str]:
        return sorted(path.name for path in self.base_dir.rglob("*") if path.is_file())


def web(
    volumes: Mapping[str, BackupChoice] | None = None,
    paths: Mapping[str, BackupChoice] | None = None,
    *,
    name: str = "web",
) -> Service:
    return replace(
        service(name=name),
        settings=ServiceSettings(
            auto_rollback=True, bind_paths=paths or {}, volume_names=volumes or {}, repo_url=None
        ),
    )


def stack_of(project: Project) -> Stack:
    return stack_named(project.name)


def stack_named(name: str) -> Stack:
    return replace(stack(), name=name)


def volume(project: Project, name: str) -> BackupTarget:
    return BackupTarget(TargetKind.VOLUME, f"{project.name}_{name}")


def bind(path: Path) -> BackupTarget:
    return BackupTarget(TargetKind.BIND, str(path))


def directory_of(engine: RealEngine, target: BackupTarget) -> Path:
    """The directory of the target. Tests can read the volumes of the testbed's engine."""
    if target.kind is TargetKind.BIND:
        return Path(target.source)
    return Path(engine.api.get(f"/volumes/{target.source}")["Mountpoint"])


def status_of(path: str) -> os.stat_result:
    return Path(path).stat()


Tree = Mapping[str, tuple[object, ...]]


def tree(root: Path) -> Tree:
    """Everything that a restore has to bring back. Times are in whole seconds, as in archives."""
    return {str(path.relative_to(root)): _facts(path) for path in (root, *root.rglob("*"))}


def _facts(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    content: object = None
    if path.is_symlink():
        content = path.readlink()
    elif path.is_file():
        content = (status.st_nlink, path.read_bytes())
    times = int(status.st_mtime)
    return (status.st_mode, status.st_uid, status.st_gid, times, status.st_rdev, content)


def fill(root: Path) -> None:
    """Creates the files that archives get wrong most easily."""
    (root / "empty").mkdir(mode=0o700)
    (root / "a" / "b").mkdir(parents=True)
    (root / "plain.txt").write_bytes(b"hello\n")
    (root / "hidden").write_bytes(b"nobody may read this")
    (root / "hidden").chmod(0o000)
    (root / "setuid").write_bytes(b"#!/bin/sh\n")
    os.chown(root / "setuid", 1000, 2000)
    (root / "setuid").chmod(0o4755)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o3777)
    (root / "relative").symlink_to("a/b")
    (root / "dangling").symlink_to("/nowhere/at/all")
    (root / "a" / "b" / "twin").write_bytes(b"twins")
    (root / "other-twin").hardlink_to(root / "a" / "b" / "twin")
    (root / ("long-" + "n" * 240)).write_bytes(b"long name")
    deep = root / Path(*(["deep" * 20] * 5))
    deep.mkdir(parents=True)
    (deep / "leaf").write_bytes(b"leaf")
    (root / "umlaut-\u00fc-\u20ac").write_bytes(b"utf-8")
    Path(os.fsdecode(os.fsencode(root) + b"/latin-\xfc-\xff")).write_bytes(b"no utf-8")
    (root / "new\nline 'quoted' $(x)").write_bytes(b"")
    (root / "big").write_bytes(os.urandom(3 * 1024 * 1024) + b"tail")
    with (root / "sparse").open("wb") as file:
        file.truncate(8 * 1024 * 1024)
        file.seek(1024 * 1024)
        file.write(b"island")
    os.mkfifo(root / "fifo", 0o640)
    os.chown(root / "dangling", 12, 34, follow_symlinks=False)
    os.chown(root / "empty", 70000, 2_500_000)
    _set_times(root)


def _set_times(root: Path) -> None:
    for number, path in enumerate(sorted((root, *root.rglob("*")), reverse=True)):
        moment = 1_600_000_000 + number
        os.utime(path, (moment, moment), follow_symlinks=False)

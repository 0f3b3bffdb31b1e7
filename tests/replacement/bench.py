"""Replacements on the real engine with the real Compose, called as a function: no server, no database."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from dockrev.blockers import Blocked, Blocker
from dockrev.clock import SystemClock
from dockrev.config.shared import DockerConfig
from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.hosts.host import Host
from dockrev.hosts.local import LOCAL
from dockrev.oci.manifest import ImageManifest
from dockrev.oci.ref import ImageRef
from dockrev.projects.project import ComposeProject
from dockrev.replacement.context import ReplacementContext
from dockrev.replacement.health import HealthLimits
from dockrev.replacement.memory_journal import MemoryJournal
from dockrev.replacement.outcome import BackupStep, ReplacementResult
from dockrev.replacement.plan import Replacement, ServiceChange
from dockrev.replacement.ports import EndedStep, ImageRegistry, Journal, StepEvent, StepStatus
from dockrev.replacement.replace import replace as replace_services
from dockrev.replacement.waiting import ReplacementPolicies, is_temporary
from dockrev.retry import RetryPolicy
from tests.testbed.engine import Engine
from tests.testbed.images import Image, Images
from tests.testbed.projects import ComposeVersion, Project, Projects
from tests.testbed.registry import Pushed, Registry

OWN_IMAGE = "registry.invalid/dockrev"
QUICK_STOP = {"stop_grace_period": "1s"}
POLICIES = ReplacementPolicies(
    registry=RetryPolicy((), is_temporary),
    health=HealthLimits(stability=timedelta(seconds=0.2), longest=timedelta(seconds=30)),
    rollback=RetryPolicy((0.1, 0.2), is_temporary),
)


class RecordedTell:
    """Records everything that it is told. Like the log of a job, it outlives a killed replacement."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.events: list[StepEvent] = []
        self.finished: list[str] = []

    def planned(self, changes: Sequence[ServiceChange]) -> None:
        self.order = [change.name for change in changes]

    async def line(self, text: str, *, warning: bool = False) -> None:
        (self.warnings if warning else self.lines).append(text)

    async def step(self, event: StepEvent) -> None:
        self.events.append(event)

    async def ended_steps(self) -> Collection[EndedStep]:
        return {
            EndedStep(event.change.service_id if event.change else None, event.step, event.status)
            for event in self.events
            if event.status is not StepStatus.STARTED
        }

    def pulling(self, change: ServiceChange, done_bytes: int, total_bytes: int) -> None:
        del change, done_bytes, total_bytes

    def waiting(self, change: ServiceChange, reason: str) -> None:
        del change, reason

    async def replaced(self, change: ServiceChange) -> None:
        self.finished.append(change.name)

    def done(self, service: str | None = None) -> list[str]:
        """The steps that succeeded, in order. `service` None: the steps of all services together."""
        return [
            event.step
            for event in self.events
            if event.status is StepStatus.DONE and (event.change.name if event.change else None) == service
        ]


class CopiedData:
    """A DataSaver that copies the engine's directories on this machine."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self._engine = engine
        self._directory = directory
        self.targets: list[BackupTarget] = []
        self.restores = 0

    async def save(self, service_ids: Sequence[str]) -> BackupStep:
        if not self.targets:
            return BackupStep(None, {"status": "skipped", "reason": "no_targets"}, False, False)
        for index, target in enumerate(self.targets):
            shutil.copytree(self.path(target), self._directory / str(index), dirs_exist_ok=True)
        return BackupStep("bkp_1", {"status": "success", "of": list(service_ids)}, False, True)

    async def restore(self, backup_id: str, data: Collection[BackupTarget]) -> str:
        for index, target in enumerate(self.targets):
            if target in data:
                self.restores += 1
                for entry in self.path(target).iterdir():
                    entry.unlink()
                shutil.copytree(self._directory / str(index), self.path(target), dirs_exist_ok=True)
        return f"restored from {backup_id}"

    def path(self, target: BackupTarget) -> Path:
        if target.kind is TargetKind.BIND:
            return Path(target.source)
        return Path(self._engine.api.get(f"/volumes/{target.source}")["Mountpoint"])


@dataclass(slots=True)
class ReplacementBench:
    """One host, a registry to push to, and the journal, messages and saved data of a replacement."""

    host: Host
    engine: Engine
    registry: Registry
    images: Images
    projects: Projects
    data: CopiedData
    journal: Journal = field(default_factory=MemoryJournal)
    tell: RecordedTell = field(default_factory=RecordedTell)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    pushed: dict[str, Pushed] = field(default_factory=dict)
    built: dict[str, Image] = field(default_factory=dict)

    def push(self, name: str, version: str, **image: Any) -> Image:
        """Moves `name:1` to a new image."""
        labels = {"test.bench": self.registry.namespace}
        built = self.built[name] = self.images.build(name, version=version, labels=labels, **image)
        self.pushed[name] = self.registry.push(built, f"{name}:1")
        return built

    def service(self, name: str, **more: Any) -> dict[str, Any]:
        return {"image": self.pushed[name].name, **QUICK_STOP, **more}

    async def deploy(
        self,
        services: Mapping[str, Any],
        *,
        version: ComposeVersion = ComposeVersion.V2,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        title: str = "bench",
        **top_level: Any,
    ) -> Project:
        project = self.projects.create(title, services, version=version, env=env, files=files, **top_level)
        await asyncio.to_thread(project.up)
        return project

    async def changes(self, project: Project, *services: str, **more: Any) -> tuple[ServiceChange, ...]:
        """Changes to the images that were pushed last, approved for the current files."""
        view = await ComposeProject(self.host, project.name).read()
        configured = {one.name: one for one in view.config.services}
        pushed = {one.name: one for one in self.pushed.values()}
        return tuple(
            replace(
                ServiceChange(
                    service_id=f"svc_{name}",
                    name=name,
                    image_ref=str(configured[name].image),
                    digest=str(pushed[str(configured[name].image)].digest),
                    auto_rollback=True,
                    config_digest=configured[name].digest,
                ),
                **more,
            )
            for name in services
        )

    async def replace(
        self, project: Project, changes: Sequence[ServiceChange], **more: Any
    ) -> ReplacementResult:
        replacement = Replacement("job_bench", project.name, tuple(changes), **more)
        return await replace_services(self._context(replacement))

    async def refusal(self, project: Project, *services: str, **more: Any) -> Blocker | None:
        """Why the preflight refuses the first of these services. None when it does not refuse it."""
        changes = await self.changes(project, *services, **more)
        return await self.refusal_of(project, changes)

    async def refusal_of(self, project: Project, changes: Sequence[ServiceChange]) -> Blocker | None:
        """Runs a dry run and returns its refusal. Asserts that it changes nothing of the project."""
        before = seen(project)
        self.journal = MemoryJournal()
        result = await self.replace(project, changes, dry_run=True)
        assert seen(project) == before
        outcome = result.services[0]
        assert outcome.step in (None, "preflight"), outcome
        if not outcome.status.went_wrong:
            assert not outcome.blockers
            return None
        [blocker] = outcome.blockers
        assert outcome.reason == Blocked(blocker).message
        return blocker

    def _context(self, replacement: Replacement) -> ReplacementContext:
        return ReplacementContext(
            replacement=replacement,
            host=self.host,
            registry=ImageRegistry(_small_image, _no_login),
            journal=self.journal,
            tell=self.tell,
            saver=self.data,
            policies=POLICIES,
            clock=SystemClock(),
            cancelled=self.cancelled,
        )


def seen(project: Project) -> dict[str, tuple[str, str, str]]:
    """The id, image and state of each container, by name."""
    return {one.name: (one.container_id, one.image_id, one.state) for one in project.containers()}


def runs(project: Project, service: str) -> set[str]:
    """The images of the service's running containers."""
    return {one.image_id for one in project.containers(service) if one.state == "running"}


async def changed_by_hand(project: Project) -> bool:
    """Whether `docker compose up -d` changes anything."""
    before = seen(project)
    await asyncio.to_thread(project.up)
    return seen(project) != before


@asynccontextmanager
async def opened_bench(
    engine: Engine, registry: Registry, images: Images, projects: Projects, directory: Path
) -> AsyncIterator[ReplacementBench]:
    program = ComposeVersion.V2.program
    config = DockerConfig(
        host=engine.host,
        compose_bin=str(program),
        child_environment={"PATH": "/usr/bin:/bin", "HOME": str(directory), "DOCKER_HOST": engine.host},
    )
    async with Host.open(LOCAL, config, SystemClock(), own_image=OWN_IMAGE) as host:
        yield ReplacementBench(
            host, engine, registry, images, projects, CopiedData(engine, directory / "saved")
        )


async def _small_image(ref: ImageRef) -> ImageManifest:
    assert ref.digest is not None
    return ImageManifest(ref.digest, 100_000)


async def _no_login(ref: ImageRef) -> None:
    del ref

"""An operator who uses Dockrev on the real engine: deploys projects, pushes images, and starts updates."""

import asyncio
import json
import secrets
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.e2e.api import Api, Document, Event
from tests.e2e.server_process import ServerProcess
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine
from tests.testbed.images import Healthcheck, Image, Images
from tests.testbed.projects import ComposeVersion, Project, Projects
from tests.testbed.registry import Pushed, Registry

CONFIG_FILES = "com.docker.compose.project.config_files"
UNHEALTHY = Healthcheck("false", interval_seconds=0.3, retries=2)
HEALTHY = Healthcheck("true", interval_seconds=0.3)
CRASHING = ("/bin/sh", "-c", "exit 3")
CORRUPTING = (
    "/bin/sh",
    "-c",
    'echo bad > /data/table; rm -f /data/index; echo more > /data/new; trap "exit 0" TERM; sleep 999 & wait',
)
QUICK_STOP = {"stop_grace_period": "1s"}

Service = Mapping[str, Any]


def settle_for(server: ServerProcess, **backup: Any) -> None:
    """Sets short waits, and a backup directory that the test can read."""
    sections = {
        "updates": {"stabilitySeconds": 0.3, "healthDeadlineCapSeconds": 60},
        "backup": {"baseDir": str(server.directory / "backups"), **backup},
    }
    with closing(sqlite3.connect(server.db_path, timeout=20)) as database, database:
        for section, value in sections.items():
            database.execute(
                "INSERT OR REPLACE INTO settings VALUES (?, ?, ?, ?)",
                (section, json.dumps(value), "2024-01-01 00:00:00.000000", "test"),
            )


@asynccontextmanager
async def with_compose(story: "Story", bed: Bed, directory: Path, script: str) -> AsyncIterator[None]:
    """Gives the story its own server in that directory. The server uses the script as Compose."""
    program = directory / "compose"
    program.write_text(script)
    program.chmod(0o755)
    story.server = ServerProcess(
        directory,
        story.engine.host,
        DOCKREV_DOCKER_CONFIG=str(bed.docker_config.file),
        DOCKREV_COMPOSE_BIN=str(program),
    )
    async with story.server.running():
        settle_for(story.server)
        yield


def reservations(server: ServerProcess) -> list[str]:
    with closing(sqlite3.connect(server.db_path, timeout=20)) as database:
        return [row[0] for row in database.execute("SELECT service_id FROM reservations")]


@dataclass(slots=True)
class Story:
    """What one test has: a server, an engine, a registry, and projects that it deploys."""

    server: ServerProcess
    engine: Engine
    registry: Registry
    images: Images
    projects: Projects
    version: ComposeVersion = ComposeVersion.V2
    front: str | None = None
    """The address at which the engine and Dockrev find the registry; None: the registry's own address."""
    pushed: dict[str, Pushed] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: secrets.token_hex(4))
    """A label of all its images. It makes them different from those of other tests on the same engine."""

    def push(self, name: str, version: str, **image: Any) -> Image:
        """Moves `name:1` to a new image."""
        built = self.images.build(name, version=version, labels={"test.story": self.mark}, **image)
        pushed = self.registry.push(built, f"{name}:1")
        address = pushed.name.replace(self.registry.host, self.front or self.registry.host)
        self.pushed[name] = replace(pushed, name=address)
        return built

    def service(self, name: str, **more: Any) -> dict[str, Any]:
        """A Compose service that uses the image `name:1`."""
        return {"image": self.pushed[name].name, **QUICK_STOP, **more}

    async def deploy(self, services: Mapping[str, Service], title: str = "story", **more: Any) -> "Deployed":
        project = self.projects.create(title, services, version=self.version, **more)
        await asyncio.to_thread(project.up)
        return Deployed(self, project)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        async with self.server.api() as api:
            yield api


@dataclass(frozen=True, slots=True)
class Deployed:
    story: Story
    project: Project

    def containers(self, service: str | None = None) -> dict[str, tuple[str, str, str]]:
        """The id, image id and state of each container, by name."""
        return {
            container.name: (container.container_id, container.image_id, container.state)
            for container in self.project.containers(service)
        }

    def inspect(self, service: str) -> list[Any]:
        return [
            self.story.engine.api.get(f"/containers/{container.container_id}/json")
            for container in self.project.containers(service)
        ]

    def runs(self, service: str) -> set[str]:
        """The image ids of the service's running containers."""
        return {each.image_id for each in self.project.containers(service) if each.state == "running"}

    async def checked(self, services: int = 1) -> dict[str, Document]:
        """Runs a check. Returns the services by name."""
        async with self.story.api() as api:
            await api.discovered(self.project.name, services)
            await api.check_project(self.project.name)
            return await api.services(self.project.name)

    async def request_body(self, *names: str) -> dict[str, Any]:
        """The request body that approves the candidates of these services."""
        async with self.story.api() as api:
            stack = await api.stack(self.project.name)
        services = {service["name"]: service for service in stack["services"]}
        targets = [target_of(services[name]) for name in names]
        if len(targets) == 1:
            return {"scope": "service", **targets[0], "reason": "ui", "mode": "apply"}
        return {"scope": "stack", "stackId": stack["id"], "targets": targets, "mode": "apply"}

    async def start(self, *names: str, **more: Any) -> str:
        body = {**await self.request_body(*names), **more}
        async with self.story.api() as api:
            job_id: str = (await api.post("/api/updates", body))["jobId"]
        return job_id

    async def update(self, *names: str, **more: Any) -> Document:
        """Runs an update. Returns the job when it has ended."""
        return await self.ended(await self.start(*names, **more))

    async def ended(self, job_id: str) -> Document:
        async with self.story.api() as api:
            return await api.finished(job_id)

    async def changed_by_hand(self) -> bool:
        """Whether `docker compose up -d` changes anything."""
        before = self.containers()
        await asyncio.to_thread(self.project.up)
        return self.containers() != before

    def assert_own_files_only(self) -> None:
        named = {container.labels[CONFIG_FILES] for container in self.project.containers()}
        assert named == {str(self.project.config_file)}


def target_of(service: Document) -> dict[str, Any]:
    candidate = service["candidate"]
    return {
        "serviceId": service["id"],
        "targetTag": candidate["tag"],
        "targetDigest": candidate["digest"],
        "pullTags": [],
    }


def outcomes(job: Document) -> dict[str, Document]:
    """The results of the services, by name."""
    return {each["serviceName"]: each for stack in job["summary"]["stacks"] for each in stack["services"]}


def statuses(job: Document) -> dict[str, str]:
    return {name: outcome["status"] for name, outcome in outcomes(job).items()}


def remains(story: Story) -> list[str]:
    """The rollback tags, helper containers and reservations. Empty when Dockrev has cleaned up."""
    return [*protective_tags(story), *helpers(story), *reservations(story.server)]


def protective_tags(story: Story, job_id: str = "") -> list[str]:
    return [
        tag
        for image in story.engine.api.get("/images/json")
        for tag in image["RepoTags"] or ()
        if tag.startswith(f"dockrev/rollback:{job_id}")
    ]


def helpers(story: Story) -> list[str]:
    labelled = {"all": True, "filters": {"label": ["dockrev.helper"]}}
    return [container["Id"] for container in story.engine.api.get("/containers/json", labelled)]


async def set_auto_rollback(story: Story, service_id: str, *, on: bool) -> None:
    async with story.api() as api:
        path = f"/api/services/{service_id}/settings"
        settings = await api.get(path)
        async with api.session.put(path, json={**settings, "autoRollback": on}) as answer:
            assert answer.status == 200, await answer.text()


async def step(events: AsyncIterator[Event], name: str, status: str) -> Event:
    """Waits for the event of this step with this status."""
    async for event in events:
        if (event.kind, event.data.get("step"), event.data.get("status")) == ("update_step", name, status):
            return event
    raise AssertionError(f"the job ended before {name} was {status}")


def hashes(directory: Path) -> Sequence[tuple[str, bytes, int]]:
    return sorted(
        (str(path.relative_to(directory)), path.read_bytes(), path.stat().st_mode)
        for path in directory.rglob("*")
        if path.is_file()
    )

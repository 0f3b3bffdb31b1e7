import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import aiohttp
import orjson
import pytest
from bench.catalogue import Repository
from bench.control import EngineControl
from bench.fake_engine import FakeEngine, serving
from bench.installation import FORMAT, Installation, InstalledService, LocalImage, install
from bench.shelf import Shelf
from bench.truth import truth_of
from ruamel.yaml import YAML

REGISTRY = "127.0.0.1:5055"
COMPOSE_PROJECT = "com.docker.compose.project"


def _images(number: int) -> list[LocalImage]:
    truths = [
        truth_of(Shelf("seed", Repository(f"bench/service-{each}", 20, labelled=each % 2 == 0)))
        for each in range(number)
    ]
    return [LocalImage(REGISTRY, truth.name, "latest", truth.before) for truth in truths]


class Client:
    def __init__(self, control: EngineControl, session: aiohttp.ClientSession) -> None:
        self.control = control
        self.session = session

    async def ask(
        self, path: str, method: str = "GET", query: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        async with self.session.request(method, path, params=query) as response:
            return response.status, await response.read()

    async def items(self, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, object]]:
        status, body = await self.ask(path, query=query)
        assert status == 200, body
        items: list[dict[str, object]] = orjson.loads(body)
        return items


@asynccontextmanager
async def _engine(installation: Installation, directory: Path) -> AsyncIterator[Client]:
    async with (
        serving(FakeEngine(installation), directory / "docker.sock") as docker_host,
        EngineControl.open(docker_host) as control,
        aiohttp.ClientSession(
            "http://engine", connector=aiohttp.UnixConnector(docker_host.removeprefix("unix://"))
        ) as session,
    ):
        yield Client(control, session)


def test_every_five_services_get_a_compose_file_that_names_their_images(tmp_path: Path) -> None:
    installation = install(_images(7), tmp_path)

    files = sorted({service.config_file for service in installation})
    assert [Path(file).parent.name for file in files] == ["bench-000", "bench-001"]
    for service in installation:
        parsed = YAML(typ="safe").load(Path(service.config_file))
        assert parsed["name"] == service.project
        assert parsed["services"][service.service]["image"] == service.image.reference
    assert len(YAML(typ="safe").load(Path(files[0]))["services"]) == 5


def test_an_installation_can_be_written_and_read_back(tmp_path: Path) -> None:
    installation = install(_images(3), tmp_path)

    assert FORMAT.validate_json(FORMAT.dump_json(installation)) == installation


async def test_containers_carry_the_labels_of_compose_and_of_their_image(tmp_path: Path) -> None:
    installation = install(_images(6), tmp_path)
    async with _engine(installation, tmp_path) as engine:
        query = {"all": "1", "filters": orjson.dumps({"label": [COMPOSE_PROJECT]}).decode()}
        containers = await engine.items("/v1.43/containers/json", query)

    assert len(containers) == 6
    for service, container in zip(installation, containers, strict=True):
        _check_container(service, container)
    assert "org.opencontainers.image.version" in str(containers[0])
    assert "org.opencontainers.image.version" not in str(containers[1])


def _check_container(service: InstalledService, container: dict[str, object]) -> None:
    labels = container["Labels"]
    assert isinstance(labels, dict)
    assert container["Names"] == [f"/{service.project}-{service.service}-1"]
    assert container["Image"] == service.image.reference
    assert container["ImageID"] == service.image.running.image_id
    assert labels[COMPOSE_PROJECT] == service.project
    assert labels["com.docker.compose.service"] == service.service
    assert Path(labels["com.docker.compose.project.config_files"]).is_file()
    assert labels.items() >= service.image.running.labels.items()


async def test_each_image_is_listed_once_with_the_digest_of_its_pull(tmp_path: Path) -> None:
    images = _images(3)
    async with _engine(install(images * 2, tmp_path), tmp_path) as engine:
        listed = await engine.items("/images/json")
        containers = await engine.items("/containers/json")

    assert len(containers) == 6
    assert {str(image["Id"]): image["RepoDigests"] for image in listed} == {
        image.running.image_id: [f"{REGISTRY}/{image.repository}@{image.running.digest}"] for image in images
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 5),
        ({"all": "true"}, 6),
        ({"filters": '{"label": ["com.docker.compose.project=bench-001"]}', "all": "1"}, 1),
        ({"filters": '{"label": {"com.docker.compose.service=service-0": true}}', "all": "1"}, 2),
        ({"filters": '{"label": ["nothing"]}', "all": "1"}, 0),
        ({"filters": '{"status": ["exited"]}'}, 1),
    ],
)
async def test_containers_are_filtered_like_by_a_real_engine(
    tmp_path: Path, query: dict[str, str], found: int
) -> None:
    async with _engine(install(_images(6), tmp_path), tmp_path) as engine:
        await engine.control.emit("bench-000-service-1-1", "die")

        assert len(await engine.items("/containers/json", query)) == found


async def test_containers_and_images_are_served_by_name_and_by_id(tmp_path: Path) -> None:
    image = _images(1)[0]
    async with _engine(install([image], tmp_path), tmp_path) as engine:
        container = (await engine.items("/containers/json"))[0]["Id"]
        found = [
            await engine.ask(path)
            for path in (
                f"/v1.24/containers/{container}/json",
                "/containers/bench-000-service-0-1/json",
                f"/v1.47/images/{image.reference}/json",
                f"/images/{quote(image.repo_digest, safe='')}/json",
                f"/images/{image.running.image_id}/json",
            )
        ]
        lost = [(await engine.ask(path))[0] for path in ("/containers/x/json", "/images/x/json")]

    assert [status for status, _ in found] == [200] * 5
    assert {orjson.loads(body)["Id"] for _, body in found[:2]} == {container}
    assert {orjson.loads(body)["Id"] for _, body in found[2:]} == {image.running.image_id}
    assert lost == [404, 404]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/_ping", 200),
        ("/version", 200),
        ("/v1.24/info", 200),
        ("/v1.23/info", 400),
        ("/v1.48/containers/json", 400),
        ("/containers/json?filters=nonsense", 400),
        ("/services", 503),
        ("/nowhere", 404),
    ],
)
async def test_other_requests_get_the_answers_of_an_engine_without_swarm(
    tmp_path: Path, path: str, status: int
) -> None:
    async with _engine(install(_images(1), tmp_path), tmp_path) as engine:
        answered, body = await engine.ask(path)

    assert answered == status
    if status >= 400:
        assert orjson.loads(body)["message"]


async def test_the_event_stream_stays_open_and_sends_emitted_events(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(10),
        _engine(install(_images(2), tmp_path), tmp_path) as engine,
        engine.session.get("/v1.43/events") as stream,
    ):
        assert (await engine.control.stats()).listeners == 1
        await engine.control.emit("bench-000-service-1-1", "die")
        event = orjson.loads(await stream.content.readline())
        states = [item["State"] for item in await engine.items("/containers/json", {"all": "1"})]
        await engine.control.emit("bench-000-service-1-1", "start")
        again = orjson.loads(await stream.content.readline())

    assert (event["Type"], event["Action"], again["Action"]) == ("container", "die", "start")
    assert event["Actor"]["Attributes"][COMPOSE_PROJECT] == "bench-000"
    assert event["Actor"]["Attributes"]["name"] == "bench-000-service-1-1"
    assert states == ["running", "exited"]


@pytest.mark.parametrize(("container", "action"), [("nobody", "die"), ("bench-000-service-0-1", "dance")])
async def test_an_impossible_event_is_refused(tmp_path: Path, container: str, action: str) -> None:
    async with _engine(install(_images(1), tmp_path), tmp_path) as engine:
        with pytest.raises(aiohttp.ClientResponseError, match="404"):
            await engine.control.emit(container, action)


async def test_calls_are_counted_without_version_prefix_and_without_those_of_the_bench(
    tmp_path: Path,
) -> None:
    async with _engine(install(_images(1), tmp_path), tmp_path) as engine:
        await engine.ask("/v1.43/containers/json")
        await engine.ask("/containers/json")
        await engine.ask("/_ping", "HEAD")
        await engine.control.emit("bench-000-service-0-1", "pause")
        counted = await engine.control.stats()
        await engine.control.reset()
        empty = await engine.control.stats()

    assert counted.calls == {"GET /containers/json": 2, "HEAD /_ping": 1}
    assert counted.total == 3
    assert empty.total == 0

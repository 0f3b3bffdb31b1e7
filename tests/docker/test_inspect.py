"""Parses the inspect documents of containers and images."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from dockrev.docker.containers import Containers
from dockrev.docker.engine import Engine
from dockrev.docker.images import Images
from dockrev.docker.inspect import ContainerDetail, Healthcheck, ImageDetail
from dockrev.docker.mounts import Mount
from dockrev.docker.snapshot import ContainerState, Health
from dockrev.errors import DockerError, DockerNotFound
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from tests.fakes.engine import FakeContainer, FakeEngine

SECOND = 1_000_000_000
VOLUME = {
    "Type": "volume",
    "Name": "blog_data",
    "Source": "/var/lib/docker/volumes/blog_data/_data",
    "Destination": "/data",
    "RW": True,
}
BIND = {"Type": "bind", "Source": "/srv/conf", "Destination": "/conf", "RW": False}
TMPFS = {"Type": "tmpfs", "Source": "", "Destination": "/run", "RW": True}


def container(
    *, state: Mapping[str, Any] | None = None, config: Mapping[str, Any] | None = None, **rest: Any
) -> dict[str, Any]:
    return {
        "Id": "c1",
        "Name": "/blog-web-1",
        "Image": "sha256:i1",
        "RestartCount": 2,
        "State": {"Status": "running", "StartedAt": "2026-01-02T03:04:05.123456789Z", "ExitCode": 0}
        | dict(state or {}),
        "Config": {"Image": "nginx:1.27", "Labels": {"com.docker.compose.project": "blog"}}
        | dict(config or {}),
        "Mounts": [],
        **rest,
    }


def test_a_running_container_is_parsed() -> None:
    document = container(
        state={"Health": {"Status": "healthy", "FailingStreak": 0}}, Mounts=[VOLUME, BIND, TMPFS]
    )

    detail = ContainerDetail.parse(document)

    assert (detail.id, detail.name, detail.image_id, detail.image) == (
        "c1",
        "blog-web-1",
        "sha256:i1",
        "nginx:1.27",
    )
    assert (detail.state, detail.health, detail.restart_count) == (
        ContainerState.RUNNING,
        Health.HEALTHY,
        2,
    )
    assert detail.started_at == datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
    assert detail.mounts == (
        Mount("volume", "blog_data", "/var/lib/docker/volumes/blog_data/_data", "/data", True),
        Mount("bind", None, "/srv/conf", "/conf", False),
        Mount("tmpfs", None, "", "/run", True),
    )
    assert detail.document is document
    assert detail.project == "blog"


def test_a_container_that_never_ran_is_parsed() -> None:
    detail = ContainerDetail.parse(
        container(state={"Status": "created", "StartedAt": "0001-01-01T00:00:00Z"})
    )

    assert (detail.state, detail.started_at, detail.health) == (ContainerState.CREATED, None, None)


def test_repr_hides_secrets_in_the_environment() -> None:
    detail = ContainerDetail.parse(container(config={"Env": ["PASSWORD=s3cret"]}))

    assert "s3cret" not in repr(detail)
    assert detail.document["Config"]["Env"] == ["PASSWORD=s3cret"]


@pytest.mark.parametrize(("written", "seconds"), [(None, 10), (0, 0), (90, 90)])
def test_the_stop_timeout_is_parsed(written: int | None, seconds: float) -> None:
    config = {} if written is None else {"StopTimeout": written}

    assert ContainerDetail.parse(container(config=config)).stop_timeout_seconds == seconds


@pytest.mark.parametrize(
    ("written", "healthcheck"),
    [
        (None, None),
        ({}, None),
        ({"Test": []}, None),
        ({"Test": ["NONE"]}, None),
        ({"Test": ["CMD", "true"]}, Healthcheck(0, 30, 30, 3)),
        (
            {
                "Test": ["CMD-SHELL", "true"],
                "StartPeriod": 60 * SECOND,
                "Interval": SECOND // 2,
                "Timeout": 5 * SECOND,
                "Retries": 7,
            },
            Healthcheck(60, 0.5, 5, 7),
        ),
    ],
)
def test_the_timing_of_a_health_check_is_parsed(written: Any, healthcheck: Healthcheck | None) -> None:
    assert ContainerDetail.parse(container(config={"Healthcheck": written})).healthcheck == healthcheck


def test_an_image_is_parsed() -> None:
    digest = Digest.of(b"manifest")
    detail = ImageDetail.parse(
        {
            "Id": "sha256:i1",
            "RepoTags": ["nginx:1.27"],
            "RepoDigests": [f"nginx@{digest}", "<none>@<none>"],
            "Created": "2024-01-01T00:00:00Z",
            "Size": 123,
            "Os": "linux",
            "Architecture": "arm",
            "Variant": "v7",
            "Config": {
                "Env": ["PATH=/bin", "A=b=c"],
                "Cmd": ["serve"],
                "Entrypoint": ["/entry"],
                "Labels": {"a": "b"},
                "User": "1000:1000",
                "WorkingDir": "/app",
                "Volumes": {"/data": {}},
                "ExposedPorts": {"80/tcp": {}},
                "StopSignal": "SIGQUIT",
                "Healthcheck": {"Test": ["CMD", "true"]},
            },
        }
    )

    assert detail.id == "sha256:i1"
    assert detail.digests_of("docker.io/library/nginx") == (digest,)
    assert detail.platform == Platform("linux", "arm", "v7")
    assert detail.config.env == ("PATH=/bin", "A=b=c")
    assert detail.config.volumes == frozenset({"/data"})
    assert detail.config.document["Cmd"] == ["serve"]


def test_an_image_without_details_is_parsed() -> None:
    detail = ImageDetail.parse({"Id": "sha256:i1", "RepoTags": None, "Config": None})

    assert detail.repo_digests == ()
    assert (detail.config.env, detail.config.volumes) == ((), frozenset())


def replica(number: int, **rest: Any) -> FakeContainer:
    return FakeContainer(
        f"c{number}", "nginx", "sha256:i1", project="blog", service="web", number=number, **rest
    )


def inspectable(fake: FakeEngine, *containers: FakeContainer, listed_only: str | None = None) -> None:
    fake.containers = list(containers)
    for item in containers:
        document = container(config={"Labels": item.all_labels()}, Id=item.id, Name=f"/{item.name}")

        async def answer(_: web.Request, document: dict[str, Any] = document) -> web.Response:
            return web.json_response(document)

        if item.id != listed_only:
            fake.handlers[f"GET /containers/{item.id}/json"] = answer


async def test_the_containers_of_a_service_are_ordered_by_number(fake: FakeEngine, client: Engine) -> None:
    inspectable(fake, replica(10), replica(2, state="exited"), replica(1), replica(3, oneoff=True))

    replicas = await Containers(client).of_service("blog", "web")

    assert [item.number for item in replicas] == [1, 2, 10]


async def test_a_container_that_is_removed_while_the_list_is_read_is_left_out(
    fake: FakeEngine, client: Engine
) -> None:
    inspectable(fake, replica(1), replica(2), listed_only="c1")

    assert [item.number for item in await Containers(client).of_service("blog", "web")] == [2]


async def test_a_missing_container_raises_not_found(fake: FakeEngine, client: Engine) -> None:
    with pytest.raises(DockerNotFound):
        await Containers(client).inspect("gone")
    with pytest.raises(DockerNotFound):
        await Images(client).inspect("gone:1")


async def test_a_missing_container_does_not_cause_another_version_request(
    fake: FakeEngine, client: Engine
) -> None:
    for _ in range(3):
        with pytest.raises(DockerNotFound):
            await Containers(client).inspect("gone")

    assert fake.calls.count("GET /version") == 1


async def test_a_document_of_another_shape_is_an_engine_failure(fake: FakeEngine, client: Engine) -> None:
    async def nonsense(_: web.Request) -> web.Response:
        return web.json_response({"Id": "c1"})

    fake.handlers["GET /containers/c1/json"] = nonsense

    with pytest.raises(DockerError, match="does not speak like a Docker engine"):
        await Containers(client).inspect("c1")

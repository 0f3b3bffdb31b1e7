"""Parses services in every form that Compose accepts or prints."""

import json
from typing import Any

import pytest

from dockrev.compose.cli import Compose
from dockrev.compose.models import (
    ComposeService,
    Dependency,
    DependencyCondition,
    ProjectFiles,
    ServiceVolume,
)
from dockrev.compose.services import rendered_services, written_services
from tests.compose.conftest import Folder


def written(**body: Any) -> ComposeService:
    (service,) = written_services({"services": {"web": {"image": "nginx", **body}}})
    return service


@pytest.mark.parametrize(
    ("body", "dependencies"),
    [
        ({}, ()),
        ({"depends_on": None}, ()),
        ({"depends_on": ["db", "cache"]}, (Dependency("db"), Dependency("cache"))),
        (
            {"depends_on": {"db": {"condition": "service_healthy", "required": False, "restart": True}}},
            (Dependency("db", DependencyCondition.HEALTHY, restart=True),),
        ),
        ({"depends_on": {"db": None}}, (Dependency("db"),)),
        ({"depends_on": {"db": {"condition": "service_odd"}}}, (Dependency("db"),)),
        ({"links": ["db:database", "cache"]}, (Dependency("db"), Dependency("cache"))),
        ({"volumes_from": ["files:ro", "container:other"]}, (Dependency("files"),)),
        ({"volumes_from": ["service:files:ro"]}, (Dependency("files"),)),
        ({"volumes_from": ["service:ro"]}, (Dependency("service"),)),
        (
            {"network_mode": "service:vpn", "pid": "service:main", "ipc": "host"},
            (Dependency("vpn"), Dependency("main")),
        ),
        (
            {"depends_on": {"vpn": {"condition": "service_healthy"}}, "network_mode": "service:vpn"},
            (Dependency("vpn", DependencyCondition.HEALTHY),),
        ),
    ],
)
def test_the_dependencies_of_a_service_are_parsed(
    body: dict[str, Any], dependencies: tuple[Dependency, ...]
) -> None:
    assert written(**body).depends_on == dependencies


@pytest.mark.parametrize(
    ("body", "owners"),
    [
        ({}, set()),
        ({"network_mode": "host", "pid": "host", "ipc": "container:abc"}, set()),
        ({"network_mode": "service:vpn", "ipc": "service:vpn", "pid": "service:main"}, {"vpn", "main"}),
    ],
)
def test_the_namespace_owners_of_a_service_are_parsed(body: dict[str, Any], owners: set[str]) -> None:
    assert written(**body).namespace_owners == owners


@pytest.mark.parametrize(
    ("entry", "volume"),
    [
        ("/anonymous", ServiceVolume("volume", None, "/anonymous")),
        ("data:/data", ServiceVolume("volume", "data", "/data")),
        ("data:/data:ro,z", ServiceVolume("volume", "data", "/data")),
        ("./conf:/conf:rw", ServiceVolume("bind", "./conf", "/conf")),
        ("~/x:/x", ServiceVolume("bind", "~/x", "/x")),
        ("${DIR:-/srv}:/srv:ro", ServiceVolume("volume", "${DIR:-/srv}", "/srv")),
        (
            {"type": "bind", "source": "/srv", "target": "/srv", "read_only": True},
            ServiceVolume("bind", "/srv", "/srv"),
        ),
        ({"type": "tmpfs", "target": "/run"}, ServiceVolume("tmpfs", None, "/run")),
    ],
)
def test_a_volume_is_parsed(entry: Any, volume: ServiceVolume) -> None:
    assert written(volumes=[entry]).volumes == (volume,)


@pytest.mark.parametrize("volumes", [None, "x", [7], [{"type": "bind"}]])
def test_volumes_of_another_shape_are_ignored(volumes: Any) -> None:
    assert written(volumes=volumes).volumes == ()


def test_doubled_dollars_become_single() -> None:
    body = {"image": "a", "volumes": [{"type": "bind", "source": "/a$$b", "target": "/c$$"}]}

    (service,) = rendered_services({"services": {"web": body}}, "blog")

    assert service.volumes == (ServiceVolume("bind", "/a$b", "/c$"),)


def test_equal_services_have_equal_digests() -> None:
    def digest(body: Any) -> str:
        (service,) = rendered_services({"services": {"web": body}}, "blog")
        return service.digest

    first = digest({"image": "a", "environment": {"A": "1", "B": "2"}, 7: [{"x": 1}]})

    assert digest({7: [{"x": 1}], "environment": {"B": "2", "A": "1"}, "image": "a"}) == first
    assert digest({"image": "a", "environment": {"A": "1", "B": "3"}, 7: [{"x": 1}]}) != first


PROJECT = """
services:
  web:
    image: nginx
    depends_on: [db]
    network_mode: "service:vpn"
    volumes: ["data:/data:ro", "./conf:/conf", "/anonymous"]
    healthcheck: {disable: true}
  db:
    image: db
    deploy: {replicas: 2}
    healthcheck: {test: "true", interval: 3s}
  vpn:
    image: vpn
volumes: {data: {}}
"""


async def test_both_versions_of_compose_give_the_same_services(compose: Compose, folder: Folder) -> None:
    config = await compose.effective_config(folder.compose(PROJECT))

    assert config.warnings == ()
    services = {service.name: service for service in config.services}
    web = services["web"]
    assert {dependency.service for dependency in web.depends_on} == {"db", "vpn"}
    assert (web.network_mode, web.namespace_owners) == ("service:vpn", frozenset({"vpn"}))
    assert {(volume.type, volume.source, volume.target) for volume in web.volumes} == {
        ("volume", "blog_data", "/data"),
        ("bind", f"{folder.path}/conf", "/conf"),
        ("volume", None, "/anonymous"),
    }
    assert len({service.digest for service in config.services}) == 3


async def test_text_that_looks_like_a_number_stays_text(compose: Compose, folder: Folder) -> None:
    texts = {"COMMIT": "1234e56", "EXPONENT": "1e3", "OCTAL": "0o17", "TIME": "22:22", "ANSWER": "yes"}
    document = {
        "version": "3.7",
        "services": {"web": {"image": "web", "environment": texts, "labels": texts}},
    }

    [web] = (await compose.effective_config(folder.compose(json.dumps(document)))).services

    assert (web.environment, web.labels) == (texts, texts)


async def test_the_working_directory_keeps_the_path_with_symlinks(compose: Compose, folder: Folder) -> None:
    """`${PWD}` in a Compose file has the same value as in the shell of the operator."""
    folder.compose("{version: '3.7', services: {web: {image: web, volumes: ['${PWD}/data:/data']}}}")
    link = folder.path.parent / "link"
    link.symlink_to(folder.path)

    [web] = (await compose.effective_config(ProjectFiles("blog", (link / "compose.yaml",), link))).services

    assert [volume.source for volume in web.volumes] == [f"{link}/data"]


async def test_files_that_cannot_be_rendered_are_merged(compose: Compose, folder: Folder) -> None:
    folder.write(
        "compose.yaml",
        """
services:
  web:
    image: "nginx:${TAG:?missing}"
    depends_on: [db]
    scale: 2
    volumes: ["data:/data"]
    healthcheck: {test: "true"}
    network_mode: host
  db: {image: db}
""",
    )
    folder.write(
        "more.yaml",
        """
services:
  web:
    depends_on: {db: {condition: service_healthy}, cache: {condition: service_started}}
    volumes: ["other:/data", "./x:/x"]
""",
    )

    config = await compose.effective_config(folder.project("compose.yaml", "more.yaml"))

    (web,) = (service for service in config.services if service.name == "web")
    assert web.depends_on == (Dependency("db", DependencyCondition.HEALTHY), Dependency("cache"))
    assert [volume.source for volume in web.volumes] == ["other", "./x"]
    assert (web.network_mode, web.digest) == ("host", "")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, {"blog_default"}),
        ({"networks": {"inner": None, "outer": {"aliases": ["web"]}}}, {"blog_inner", "edge"}),
        ({"networks": ["inner", "shared", "old"]}, {"blog_inner", "shared", "older"}),
        ({"network_mode": "host"}, None),
        ({"network_mode": "service:vpn"}, None),
    ],
)
def test_networks_have_the_names_of_the_engine(body: dict[str, Any], names: set[str] | None) -> None:
    declared = {
        "inner": None,
        "outer": {"name": "edge"},
        "shared": {"external": True},
        "old": {"external": {"name": "older"}},
    }
    document = {"services": {"web": {"image": "nginx", **body}}, "networks": declared}

    (service,) = rendered_services(document, "blog")

    assert service.networks == names

"""What only a shell knew is found before it is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dockrev.compose.models import ComposeService
from dockrev.compose.services import rendered_services
from dockrev.docker.inspect import ContainerDetail, ImageDetail
from dockrev.updates.origins import edited_since, not_given_here

MADE = datetime(2024, 1, 1, 12, tzinfo=UTC)


def service(**body: Any) -> ComposeService:
    [found] = rendered_services({"services": {"web": {"image": "web:1", **body}}}, "blog")
    return found


def container(*env: str, ports: tuple[str, ...] = ()) -> ContainerDetail:
    return ContainerDetail.parse(
        {
            "Id": "c1",
            "Name": "/blog-web-1",
            "Image": "sha256:1",
            "Created": MADE.isoformat(),
            "State": {"Status": "running"},
            "Config": {"Env": list(env)},
            "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": one} for one in ports]}},
        }
    )


def image(*env: str) -> ImageDetail:
    return ImageDetail.parse(
        {"Id": "sha256:1", "Os": "linux", "Architecture": "amd64", "Config": {"Env": list(env)}}
    )


def test_what_files_and_image_give_is_not_missed() -> None:
    rendered = service(
        environment={"A": "1", "B": "a$$b", "C": ""}, ports=[{"published": "80", "target": 80}]
    )
    made = container("A=1", "B=a$b", "C=", "PATH=/bin", ports=("80",))
    assert not_given_here(rendered, made, image("PATH=/bin")) == []


@pytest.mark.parametrize("here", [{"TOKEN": ""}, {"TOKEN": None}, {"TOKEN": "default"}, {}])
def test_a_variable_that_a_shell_had_is_named_without_its_value(here: dict[str, str | None]) -> None:
    assert not_given_here(service(environment=here), container("TOKEN=hidden"), image()) == ["TOKEN"]


def test_the_proxies_that_docker_adds_are_not_of_the_project() -> None:
    assert not_given_here(service(), container("HTTP_PROXY=http://proxy", "no_proxy=x"), image()) == []


@pytest.mark.parametrize("written", ["8080:80", "127.0.0.1:8080:80/tcp", {"published": "8080", "target": 80}])
def test_a_port_is_the_same_in_every_form(written: Any) -> None:
    assert not_given_here(service(ports=[written]), container(ports=("8080",)), image()) == []
    assert not_given_here(service(ports=[written]), container(ports=("9090",)), image()) == ["port 9090"]


def test_a_port_that_the_engine_chooses_is_not_missed() -> None:
    assert not_given_here(service(ports=[{"target": 80}]), container(ports=("",)), image()) == []
    assert not_given_here(service(ports=[{"target": 80}]), container(ports=("8080",)), image()) == [
        "port 8080"
    ]


def test_of_a_range_each_replica_has_one() -> None:
    ranged = service(ports=[{"published": "8000-8009", "target": 80}])
    assert not_given_here(ranged, container(ports=("8003",)), image()) == []


def test_only_a_later_change_of_the_files_explains_a_difference() -> None:
    moment = timedelta(seconds=1)
    assert edited_since(container(), MADE + moment)
    assert not edited_since(container(), MADE - moment)
    assert not edited_since(container(), None)

"""Finds settings that came from a shell before an update would lose them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dockrev.compose.models import ComposeService
from dockrev.compose.services import rendered_services
from dockrev.docker.inspect import ContainerDetail, ImageDetail
from dockrev.replacement.shell_inputs import edited_since, missing_inputs

MADE = datetime(2024, 1, 1, 12, tzinfo=UTC)


def service(volumes_of_project: Any = None, **body: Any) -> ComposeService:
    document = {"services": {"web": {"image": "web:1", **body}}, "volumes": volumes_of_project}
    [rendered] = rendered_services(document, "blog")
    return rendered


def container(
    *env: str,
    ports: tuple[str, ...] = (),
    labels: Mapping[str, str] | None = None,
    mounts: Sequence[Mapping[str, str]] = (),
) -> ContainerDetail:
    return ContainerDetail.parse(
        {
            "Id": "c1",
            "Name": "/blog-web-1",
            "Image": "sha256:1",
            "Created": MADE.isoformat(),
            "State": {"Status": "running"},
            "Config": {"Env": list(env), "Labels": labels},
            "Mounts": [{"RW": True, **one} for one in mounts],
            "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": one} for one in ports]}},
        }
    )


def image(*env: str, labels: Mapping[str, str] | None = None) -> ImageDetail:
    config = {"Env": list(env), "Labels": labels}
    return ImageDetail.parse({"Id": "sha256:1", "Os": "linux", "Architecture": "amd64", "Config": config})


def test_settings_of_files_and_image_are_not_missing() -> None:
    rendered = service(
        environment={"A": "1", "B": "a$$b", "C": ""}, ports=[{"published": "80", "target": 80}]
    )
    made = container("A=1", "B=a$b", "C=", "PATH=/bin", ports=("80",))
    assert missing_inputs(rendered, made, image("PATH=/bin")) == []


@pytest.mark.parametrize("here", [{"TOKEN": ""}, {"TOKEN": None}, {"TOKEN": "default"}, {}])
def test_a_variable_of_a_shell_is_named_without_its_value(here: dict[str, str | None]) -> None:
    assert missing_inputs(service(environment=here), container("TOKEN=hidden"), image()) == ["TOKEN"]


def test_a_variable_without_any_value_is_not_missing() -> None:
    """The engine stores such a variable as a name without `=`."""
    assert missing_inputs(service(environment={"DEBUG": None}), container("DEBUG"), image()) == []


def test_booleans_of_both_compose_versions_are_equal() -> None:
    here = service(environment={"DEBUG": True}, labels={"traefik.enable": True})
    made = container("DEBUG=True", labels={"traefik.enable": "True"})
    assert missing_inputs(here, made, image()) == []
    other = service(environment={"DEBUG": False}, labels={"traefik.enable": "yes"})
    assert missing_inputs(other, made, image()) == ["DEBUG", "label traefik.enable"]


def test_the_name_of_a_label_may_contain_a_dollar_sign() -> None:
    made = container(labels={"a$b": "c$d"})
    assert missing_inputs(service(labels={"a$$b": "c$$d"}), made, image()) == []


def test_the_affinity_variable_of_compose_v1_is_ignored() -> None:
    assert missing_inputs(service(), container("affinity:container==0123"), image()) == []


def test_proxy_variables_that_docker_adds_are_ignored() -> None:
    assert missing_inputs(service(), container("HTTP_PROXY=http://proxy", "no_proxy=x"), image()) == []


@pytest.mark.parametrize("written", ["8080:80", "127.0.0.1:8080:80/tcp", {"published": "8080", "target": 80}])
def test_all_forms_of_a_port_are_equal(written: Any) -> None:
    assert missing_inputs(service(ports=[written]), container(ports=("8080",)), image()) == []
    assert missing_inputs(service(ports=[written]), container(ports=("9090",)), image()) == ["port 9090"]


def test_a_port_that_the_engine_chooses_is_not_missing() -> None:
    assert missing_inputs(service(ports=[{"target": 80}]), container(ports=("",)), image()) == []
    assert missing_inputs(service(ports=[{"target": 80}]), container(ports=("8080",)), image()) == [
        "port 8080"
    ]


def test_each_replica_has_one_port_of_a_range() -> None:
    ranged = service(ports=[{"published": "8000-8009", "target": 80}])
    assert missing_inputs(ranged, container(ports=("8003",)), image()) == []


def test_labels_of_the_image_and_of_compose_are_ignored() -> None:
    made = container(
        labels={
            "route": "Host(`a`)",
            "org.opencontainers.image.version": "1",
            "com.docker.compose.project": "b",
        }
    )
    here = service(labels={"route": "Host(`a`)"})
    assert missing_inputs(here, made, image(labels={"org.opencontainers.image.version": "1"})) == []


@pytest.mark.parametrize("here", [{"route": "Host(``)"}, {}])
def test_a_label_whose_value_came_from_a_shell_is_named(here: dict[str, str]) -> None:
    made = container(labels={"route": "Host(`a`)"})
    assert missing_inputs(service(labels=here), made, image()) == ["label route"]


def bind(source: str) -> dict[str, str]:
    return {"Type": "bind", "Source": source, "Destination": "/data"}


def volume(name: str) -> dict[str, str]:
    return {"Type": "volume", "Name": name, "Source": f"/engine/{name}/_data", "Destination": "/data"}


@pytest.mark.parametrize(
    ("written", "mounted"),
    [
        ("/srv/data/:/data/", bind("/srv/data")),
        ("//srv//data:/data", bind("/srv/data")),
        ({"type": "bind", "source": "/srv/data", "target": "/data"}, bind("/srv/data")),
        ("data:/data", volume("blog_data")),
        ({"type": "volume", "source": "named", "target": "/data"}, volume("elsewhere")),
        ({"type": "volume", "source": "foreign", "target": "/data"}, volume("foreign")),
        ({"type": "volume", "target": "/data"}, volume("0123")),
        ({"type": "tmpfs", "target": "/data"}, volume("0123")),
        ("/other:/elsewhere", volume("0123")),
    ],
)
def test_data_with_the_same_source_is_not_missing(written: Any, mounted: Mapping[str, str]) -> None:
    declared = {"data": None, "named": {"name": "elsewhere"}, "foreign": {"external": True}}
    assert missing_inputs(service(declared, volumes=[written]), container(mounts=[mounted]), image()) == []


@pytest.mark.parametrize(
    ("here", "missing"), [("/Users/me/data", []), ("/Users/you", ["/Users/me/data at /data"])]
)
def test_a_mount_of_docker_desktop_counts_as_the_path_in_the_file(here: str, missing: list[str]) -> None:
    prefix = "desktop.docker.io/binds/0"
    asked = {f"{prefix}/Source": "/Users/me/data", f"{prefix}/Target": "/data"}
    made = container(labels=asked, mounts=[bind("/host_mnt/Users/me/data")])
    assert missing_inputs(service(volumes=[f"{here}:/data"]), made, image()) == missing


@pytest.mark.parametrize(
    ("written", "mounted", "missing"),
    [
        ("/srv/default:/data", bind("/srv/data"), "/srv/data at /data"),
        ("data:/data", volume("blog_old"), "blog_old at /data"),
        ("data:/data", bind("/srv/data"), "/srv/data at /data"),
        ("/srv/data:/data", volume("blog_data"), "blog_data at /data"),
    ],
)
def test_data_that_would_get_another_source_is_named(
    written: Any, mounted: Mapping[str, str], missing: str
) -> None:
    assert missing_inputs(service(volumes=[written]), container(mounts=[mounted]), image()) == [missing]


def test_only_a_later_change_of_the_files_explains_a_difference() -> None:
    moment = timedelta(seconds=1)
    assert edited_since(container(), MADE + moment)
    assert not edited_since(container(), MADE - moment)
    assert not edited_since(container(), None)

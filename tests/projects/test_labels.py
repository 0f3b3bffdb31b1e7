from pathlib import Path

import pytest

from dockrev.docker.labels import MAX_TEXT_LENGTH
from dockrev.docker.snapshot import Container, ContainerState
from dockrev.projects.labels import (
    ProjectContainers,
    UnusableProject,
    project_files,
    projects_in,
    split_paths,
    variants_in,
)
from dockrev.projects.variants import Variant
from tests.discovery.containers import container, snapshot


def blog(*containers: Container) -> ProjectContainers:
    return ProjectContainers("blog", containers)


def by_v1(config_files: str, directory: str) -> Container:
    labels = {
        "com.docker.compose.version": "1.29.2",
        "com.docker.compose.project.working_dir": directory,
    }
    return container(config_files=config_files, labels=labels)


def fault_of(label: str | None) -> UnusableProject:
    result = variants_in(blog(container(config_files=label)))
    assert isinstance(result, UnusableProject)
    return result


def test_containers_are_grouped_by_project_in_the_order_of_names() -> None:
    result = projects_in(snapshot(container(project="shop"), container(), container("db")))

    assert [(project.name, len(project.containers)) for project in result] == [("blog", 2), ("shop", 1)]


def test_one_off_containers_do_not_belong_to_a_project() -> None:
    result = projects_in(snapshot(container(), container(oneoff=True), container(project="ran", oneoff=True)))

    assert [(project.name, len(project.containers)) for project in result] == [("blog", 1)]


def test_containers_without_a_project_name_are_left_out() -> None:
    assert projects_in(snapshot(container(project="  "))) == ()


@pytest.mark.parametrize(
    ("label", "paths"),
    [
        ("/a.yml", ("/a.yml",)),
        ("/a.yml,/b.yml", ("/a.yml", "/b.yml")),
        (" /a.yml ,\n/b.yml\r\n", ("/a.yml", "/b.yml")),
        ("/a.yml,,/a.yml,/b.yml,/a.yml", ("/a.yml", "/b.yml")),
        ("/my files/a.yml", ("/my files/a.yml",)),
        (",\n, \r", ()),
        ("", ()),
    ],
)
def test_paths_in_a_label_are_split_and_cleaned(label: str, paths: tuple[str, ...]) -> None:
    assert split_paths(label) == paths


def test_containers_that_agree_are_one_variant() -> None:
    result = variants_in(blog(container(), container("db"), container("web", number=2)))

    assert result == (Variant(("/srv/blog/compose.yaml",), frozenset({"web", "db"})),)


def test_each_list_of_files_is_a_variant_with_the_services_that_report_it() -> None:
    result = variants_in(blog(container(), container("db", config_files="/srv/blog/compose.yaml,/tmp/o.yml")))

    assert result == (
        Variant(("/srv/blog/compose.yaml",), frozenset({"web"})),
        Variant(("/srv/blog/compose.yaml", "/tmp/o.yml"), frozenset({"db"})),
    )


def test_stopped_containers_do_not_count_beside_running_ones() -> None:
    old = container("db", config_files="/old/compose.yaml", state=ContainerState.EXITED)

    assert variants_in(blog(container(), old)) == (Variant(("/srv/blog/compose.yaml",), frozenset({"web"})),)
    assert variants_in(blog(old)) == (Variant(("/old/compose.yaml",), frozenset({"db"})),)


def test_a_container_without_a_service_name_still_reports_its_files() -> None:
    assert variants_in(blog(container(service=None))) == (
        Variant(("/srv/blog/compose.yaml",), frozenset({"unknown"})),
    )


def test_a_project_whose_containers_name_no_files_is_unusable() -> None:
    assert fault_of(None).reason == "config_files_missing"


def test_one_container_that_names_the_files_is_enough() -> None:
    result = variants_in(blog(container(config_files=None), container("db")))

    assert result == (Variant(("/srv/blog/compose.yaml",), frozenset({"db"})),)


@pytest.mark.parametrize("label", ["", "  ", ",\n,"])
def test_a_label_without_any_path_is_a_fault(label: str) -> None:
    fault = fault_of(label)

    assert fault.reason == "config_files_empty"
    assert fault.details == {"kind": "config_files_invalid", "service": "web", "raw": label}


@pytest.mark.parametrize("label", ["compose.yaml", "/srv/a.yml,./b.yml", "~/a.yml", "C:\\a.yml"])
def test_a_relative_path_is_a_fault(label: str) -> None:
    assert fault_of(label).reason == "config_files_relative_path_rejected"


@pytest.mark.parametrize(
    ("label", "directory", "files"),
    [
        ("compose.yaml", "/srv/blog", ("/srv/blog/compose.yaml",)),
        ("./compose.yaml", "/srv/blog", ("/srv/blog/compose.yaml",)),
        ("blog/compose.yaml,blog/prod.yaml", "/srv/blog", ("/srv/blog/compose.yaml", "/srv/blog/prod.yaml")),
        ("blog/compose.yaml,prod.yaml", "/srv/blog", ("/srv/blog/compose.yaml", "/srv/prod.yaml")),
        ("compose.yaml,/etc/prod.yaml", "/srv/blog", ("/srv/blog/compose.yaml", "/etc/prod.yaml")),
        ("/srv/blog/compose.yaml", "/srv/blog", ("/srv/blog/compose.yaml",)),
    ],
)
def test_relative_paths_of_compose_v1_are_resolved(
    label: str, directory: str, files: tuple[str, ...]
) -> None:
    assert variants_in(blog(by_v1(label, directory))) == (Variant(files, frozenset({"web"})),)


@pytest.mark.parametrize(
    ("label", "directory"),
    [
        ("compose.yaml", ""),
        ("compose.yaml", "blog"),
        ("other/compose.yaml", "/srv/blog"),
        ("a/b/c/compose.yaml", "/c"),
        ("../blog/compose.yaml", "/srv/blog"),
        ("/srv/blog/compose.yaml,prod.yaml", "/srv/blog"),
    ],
)
def test_relative_paths_of_compose_v1_that_contradict_the_directory_are_a_fault(
    label: str, directory: str
) -> None:
    result = variants_in(blog(by_v1(label, directory)))

    assert isinstance(result, UnusableProject)
    assert result.reason == "config_files_relative_path_rejected"


def test_the_details_of_a_fault_hold_only_the_start_of_a_long_label() -> None:
    raw = fault_of("x" * MAX_TEXT_LENGTH).details["raw"]

    assert isinstance(raw, str)
    assert len(raw) == 2048


def test_the_working_directory_and_env_files_come_from_the_newest_container() -> None:
    old = container(labels={"com.docker.compose.project.working_dir": "/old"}, created=1)
    new = container(
        "db",
        labels={
            "com.docker.compose.project.working_dir": "/srv/blog",
            "com.docker.compose.project.environment_file": "/srv/blog/a.env,/srv/blog/b.env",
        },
        created=2,
    )

    files = project_files(blog(old, new), ("/srv/blog/compose.yaml",))

    assert files.config_files == (Path("/srv/blog/compose.yaml"),)
    assert files.directory == Path("/srv/blog")
    assert files.env_files == (Path("/srv/blog/a.env"), Path("/srv/blog/b.env"))


def test_relative_directories_and_env_files_are_ignored() -> None:
    labels = {
        "com.docker.compose.project.working_dir": "blog",
        "com.docker.compose.project.environment_file": ".env",
    }

    files = project_files(blog(container(labels=labels)), ("/srv/blog/compose.yaml",))

    assert files.working_directory is None
    assert files.env_files == ()

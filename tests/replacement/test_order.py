from dataclasses import replace

from dockrev.compose.models import ComposeService, Dependency, DependencyCondition
from dockrev.replacement.order import dependency_order, dependents_of, init_services, to_restart_with


def compose(name: str, *depends_on: str, network_mode: str | None = None) -> ComposeService:
    return ComposeService(
        name, "image", False, {}, depends_on=tuple(map(Dependency, depends_on)), network_mode=network_mode
    )


def services(*project: ComposeService) -> dict[str, ComposeService]:
    return {each.name: each for each in project}


def test_dependencies_come_first() -> None:
    project = services(compose("web", "api"), compose("api", "db"), compose("db"))
    assert dependency_order(["web", "api", "db"], project) == ["db", "api", "web"]


def test_a_dependency_counts_also_through_a_service_that_is_not_selected() -> None:
    project = services(compose("a", "m"), compose("m", "z"), compose("z"))
    assert dependency_order(["a", "z"], project) == ["z", "a"]


def test_services_without_dependencies_come_by_name() -> None:
    assert dependency_order(["b", "a"], services(compose("b"), compose("a"))) == ["a", "b"]


def test_a_missing_dependency_is_ignored() -> None:
    assert dependency_order(["a"], services(compose("a", "gone"))) == ["a"]


def test_a_dependency_cycle_does_not_hang() -> None:
    project = services(compose("a", "b"), compose("b", "a"))
    assert sorted(dependency_order(["a", "b"], project)) == ["a", "b"]


def test_a_selected_service_that_is_not_in_the_files_comes_last() -> None:
    assert dependency_order(["gone", "a"], services(compose("a"))) == ["a", "gone"]


def test_services_with_the_volumes_of_another_are_dependents() -> None:
    user = ComposeService("user", "image", False, {}, volumes_from=frozenset({"data"}))
    assert dependents_of("data", [compose("data"), user, compose("other")]) == ["user"]


def test_services_in_the_network_of_another_are_dependents() -> None:
    project = services(
        compose("vpn"),
        compose("torrent", network_mode="service:vpn"),
        compose("other", network_mode="service:vpn2"),
        compose("host", network_mode="host"),
    )
    assert dependents_of("vpn", list(project.values())) == ["torrent"]


def test_init_services_are_those_of_the_same_image_that_have_to_complete_first() -> None:
    def ended(name: str) -> Dependency:
        return Dependency(name, DependencyCondition.COMPLETED)

    web = ComposeService(
        "web", "image", False, {}, depends_on=(ended("migrate"), ended("seed"), Dependency("db"))
    )
    seed = ComposeService("seed", "other", False, {})
    assert init_services(web, [web, compose("migrate"), seed, compose("db")]) == ["migrate"]


def wants_restart(name: str, *dependencies: str, network_mode: str | None = None) -> ComposeService:
    depends_on = tuple(Dependency(name, restart=True) for name in dependencies)
    return ComposeService(name, "image", False, {}, depends_on=depends_on, network_mode=network_mode)


def test_only_services_with_restart_true_restart_with_their_dependency() -> None:
    project = [
        compose("db"),
        wants_restart("web", "db"),
        compose("worker", "db"),
        wants_restart("x", "other"),
    ]
    assert to_restart_with(["db"], project) == {"web": "db"}


def test_dependents_of_a_restarted_service_restart_after_it() -> None:
    rider = compose("a-rider", "web", network_mode="service:web")
    assert list(to_restart_with(["db"], [rider, wants_restart("web", "db"), compose("db")])) == [
        "web",
        "a-rider",
    ]


def test_a_recreated_service_needs_no_restart() -> None:
    project = [compose("vpn"), wants_restart("torrent", "vpn", network_mode="service:vpn")]
    assert to_restart_with(["vpn", "torrent"], project) == {}


def test_indirect_dependents_come_after_their_owner() -> None:
    services = [
        compose("a", "b", network_mode="service:b"),
        compose("b", "vpn", network_mode="service:vpn"),
        compose("vpn"),
        replace(compose("tracer", "z", "vpn"), pid="service:z", ipc="service:vpn"),
        replace(compose("z", "a"), pid="service:a"),
        compose("other", "vpn"),
    ]
    assert dependents_of("vpn", services) == ["b", "a", "z", "tracer"]

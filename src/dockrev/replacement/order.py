"""The dependency order of a project's services, and the services that a change of one affects. No I/O."""

from collections.abc import Collection, Iterable, Mapping

from dockrev.compose.models import ComposeService, DependencyCondition


def dependency_order(selected: Iterable[str], services: Mapping[str, ComposeService]) -> list[str]:
    """Orders the selected services: each comes after those that it depends on, directly or indirectly.

    Services that the project does not have come last, sorted by name.
    """
    ordered: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in services:
            return
        seen.add(name)
        for dependency in sorted(each.service for each in services[name].depends_on):
            visit(dependency)
        ordered.append(name)

    for name in sorted(services):
        visit(name)
    names = set(selected)
    return [name for name in ordered if name in names] + sorted(names - services.keys())


def dependents_of(name: str, services: Collection[ComposeService]) -> list[str]:
    """The services that Compose has to recreate together with `name`, in dependency order.

    A dependent uses a namespace or the volumes of a container of `name`, or of another dependent. Its
    configuration names that container by id, so it has to be recreated when the container is replaced.
    """
    affected = [name]
    for owner in affected:  # the list grows while the loop runs
        users = (each.name for each in services if owner in each.namespace_owners | each.volumes_from)
        affected += [user for user in users if user not in affected]
    return dependency_order(affected[1:], {each.name: each for each in services})


def to_restart_with(recreated: Collection[str], services: Collection[ComposeService]) -> dict[str, str]:
    """The services to restart after `recreated` were recreated, in dependency order, each with the cause.

    These are services with `restart: true` in their `depends_on`, and the dependents of those services.
    """
    causes = {
        service.name: dependency.service
        for service in services
        for dependency in service.depends_on
        if dependency.restart and dependency.service in recreated
    }
    for name in tuple(causes):
        for dependent in dependents_of(name, services):
            causes.setdefault(dependent, name)
    ordered = dependency_order(causes.keys() - set(recreated), {each.name: each for each in services})
    return {name: causes[name] for name in ordered}


def init_services(service: ComposeService, services: Collection[ComposeService]) -> list[str]:
    """Services of the same image that have to complete first, such as database migrations."""
    awaited = {
        dependency.service
        for dependency in service.depends_on
        if dependency.condition is DependencyCondition.COMPLETED
    }
    return sorted(each.name for each in services if each.name in awaited and each.image == service.image)

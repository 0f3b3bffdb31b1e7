"""The order of a project's services, and which of them a change of one service affects. No I/O."""

from collections.abc import Collection, Iterable, Mapping

from dockrev.compose.models import ComposeService, DependencyCondition


def dependency_order(selected: Iterable[str], services: Mapping[str, ComposeService]) -> list[str]:
    """A service comes after those that it depends on, also through services that are not selected.

    Services that the project does not have come last, sorted by name.
    """
    ordered: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in services:
            return
        seen.add(name)
        for dependency in sorted(one.service for one in services[name].depends_on):
            visit(dependency)
        ordered.append(name)

    for name in sorted(services):
        visit(name)
    names = set(selected)
    return [name for name in ordered if name in names] + sorted(names - services.keys())


def dependents_of(name: str, services: Collection[ComposeService]) -> list[str]:
    """The services that Compose has to recreate together with `name`, in dependency order.

    Such a service uses a namespace or the volumes of a container of `name`, or of another such service. Its
    configuration names that container by id, so it cannot stay when the container is replaced.
    """
    affected = [name]
    for owner in affected:  # the list grows while the loop runs
        users = (one.name for one in services if owner in one.namespace_owners | one.volumes_from)
        affected += [user for user in users if user not in affected]
    return dependency_order(affected[1:], {one.name: one for one in services})


def to_restart_with(recreated: Collection[str], services: Collection[ComposeService]) -> dict[str, str]:
    """The services to restart because `recreated` were, in dependency order, each with the cause.

    `depends_on` asks for it with `restart: true`. The dependents of such a service restart with it.
    """
    causes = {
        one.name: dependency.service
        for one in services
        for dependency in one.depends_on
        if dependency.restart and dependency.service in recreated
    }
    for name in tuple(causes):
        for dependent in dependents_of(name, services):
            causes.setdefault(dependent, name)
    ordered = dependency_order(causes.keys() - set(recreated), {one.name: one for one in services})
    return {name: causes[name] for name in ordered}


def init_services(service: ComposeService, services: Collection[ComposeService]) -> list[str]:
    """Services of the same image that have to complete first, such as database migrations."""
    awaited = {one.service for one in service.depends_on if one.condition is DependencyCondition.COMPLETED}
    return sorted(one.name for one in services if one.name in awaited and one.image == service.image)

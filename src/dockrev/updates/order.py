"""In which order the services of a project are updated. No I/O."""

from collections.abc import Collection, Iterable, Mapping

from dockrev.compose.models import ComposeService, DependencyCondition


def in_order(selected: Iterable[str], services: Mapping[str, ComposeService]) -> list[str]:
    """What others depend on comes first, also where the dependency goes through services not selected."""
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
    wanted = set(selected)
    return [name for name in ordered if name in wanted] + sorted(wanted - services.keys())


def sharing_with(name: str, services: Collection[ComposeService]) -> list[str]:
    """Services that live in a namespace of `name`'s container, and so die with it, or have its volumes; and
    those of whom the same is true of one of these.

    Each comes after the ones that it needs.
    """
    found = [name]
    for owner in found:  # grows while it is gone through
        riders = (one.name for one in services if owner in one.namespace_owners | one.volumes_from)
        found += [one for one in riders if one not in found]
    return in_order(found[1:], {one.name: one for one in services})


def restarted_with(made_anew: Collection[str], services: Collection[ComposeService]) -> dict[str, str]:
    """Who wants a restart with one of these, in order, and with which one; who lives with those included."""
    wanting = {
        one.name: dependency.service
        for one in services
        for dependency in one.depends_on
        if dependency.restart and dependency.service in made_anew
    }
    for name in tuple(wanting):
        for rider in sharing_with(name, services):
            wanting.setdefault(rider, name)
    ordered = in_order(wanting.keys() - set(made_anew), {one.name: one for one in services})
    return {name: wanting[name] for name in ordered}


def completing_first(service: ComposeService, services: Collection[ComposeService]) -> list[str]:
    """Services of the same image that have to run to their end before it, such as those that migrate data."""
    needed = {one.service for one in service.depends_on if one.condition is DependencyCondition.COMPLETED}
    return sorted(one.name for one in services if one.name in needed and one.image == service.image)

"""In which order the services of a project are updated. No I/O."""

from collections.abc import Collection, Iterable, Mapping

from dockrev.compose.models import ComposeService


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

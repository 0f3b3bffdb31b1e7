"""Finds the blockers of a service for the API, the command line and the pages. No I/O.

These blockers follow from stored data. The preflight of an update looks at the containers and files.
"""

from collections.abc import Iterable

from dockrev.blockers import Blocker
from dockrev.docker.self_service import OwnService
from dockrev.ignores.models import IgnoreMatch
from dockrev.stacks.models import Service, Stack
from dockrev.stacks.update_state import ArchMatch, NotCheckedReason, UpdateState

OWN_SERVICE = "own_service"
PLATFORM_MISMATCH = "platform_mismatch"
HOST_NOT_CONFIGURED = "host_not_configured"
NOT_RUNNING = "not_running"
_STACK_ARCHIVED = "stack_archived"
_SERVICE_ARCHIVED = "service_archived"
_IGNORED = "ignored"

_OVERRULED_BY_NAME = frozenset({NOT_RUNNING, _STACK_ARCHIVED, _SERVICE_ARCHIVED, _IGNORED})
"""An update of a stack or of everything skips these services. The operator can still update them by name."""

_NOT_CHECKED = {
    NotCheckedReason.PINNED: Blocker(
        "digest_pinned",
        "its image is pinned to a digest in the compose file",
        "Replace the digest by a tag in the compose file.",
    ),
    NotCheckedReason.LOCAL_BUILD: Blocker(
        "local_build",
        "its image is built on this host and comes from no registry",
        "Build it again: docker compose build --pull.",
    ),
    NotCheckedReason.NOT_WATCHED: Blocker(
        "not_watched",
        "its label dockrev.watch=false turns updates off",
        "Remove the label from the compose file and apply it.",
    ),
    NotCheckedReason.REMOVED: Blocker("removed_from_project", "its project does not have it any more"),
    NotCheckedReason.INVALID: Blocker(
        "invalid_image_reference",
        "its image is not a valid reference",
        "Correct the image in the compose file, or set the variables that it uses.",
    ),
    NotCheckedReason.NOTHING_RUNS: Blocker(
        "no_containers", "it has no containers", "Start it: docker compose up -d."
    ),
}


def blockers_of(
    stack: Stack, service: Service, state: UpdateState, match: IgnoreMatch | None, own: OwnService | None
) -> tuple[Blocker, ...]:
    """All blockers, in the order in which the operator should resolve them.

    `own` is None when this process does not work with the host of the stack.
    """
    return tuple(_reasons(stack, service, state, match, own))


def _reasons(
    stack: Stack, service: Service, state: UpdateState, match: IgnoreMatch | None, own: OwnService | None
) -> Iterable[Blocker]:
    if own is None:
        text = f"its host {stack.host_id} is not configured"
        yield Blocker(HOST_NOT_CONFIGURED, text, "Configure the host again.")
    elif own.is_service(stack.name, service.name, service.image_ref):
        yield Blocker(
            OWN_SERVICE,
            "it is Dockrev itself",
            "Upgrade it by hand: docker compose pull, then docker compose up -d.",
        )
    if state.unchecked:
        yield _NOT_CHECKED[state.unchecked]
    if service.runtime.total and not service.runtime.running:
        text = "no container of it runs, and an update starts nothing"
        yield Blocker(NOT_RUNNING, text, "Start it: docker compose up -d.")
    candidate = state.candidate
    if candidate and candidate.arch_match is ArchMatch.MISMATCH:
        offered = ", ".join(str(platform) for platform in candidate.platforms)
        yield Blocker(
            PLATFORM_MISMATCH,
            f"the new image is offered for {offered} only, not for this host's platform",
            "Wait for an image for this platform, or allow another platform in the request.",
        )
    if stack.archived:
        yield Blocker(_STACK_ARCHIVED, "its stack is archived", "Restore the stack.")
    if service.archived:
        yield Blocker(_SERVICE_ARCHIVED, "it is archived", "Restore the service.")
    if match:
        rule = match.rule
        yield Blocker(
            _IGNORED,
            f'an ignore rule silences {match.tag}: {rule.kind} "{rule.value}"',
            "Delete the rule.",
        )


def refusals(blockers: Iterable[Blocker], *, by_name: bool, allow_arch_mismatch: bool) -> tuple[Blocker, ...]:
    """The blockers that forbid this update. `by_name`: the operator named the service itself."""
    overruled = _OVERRULED_BY_NAME if by_name else frozenset()
    if allow_arch_mismatch:
        overruled |= {PLATFORM_MISMATCH}
    return tuple(blocker for blocker in blockers if blocker.code not in overruled)

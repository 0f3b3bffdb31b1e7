"""The status of a stack."""

import pytest

from dockrev.stacks.models import ArchivedFilter, Runtime, Stack, StackStatus
from tests.stacks.building import (
    NEW,
    OLD,
    context,
    index,
    knowledge,
    running,
    service,
    stack,
    stopped,
    tag,
    views_of,
)


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (stack(service(runtime=running(OLD))), StackStatus.HEALTHY),
        (stack(service(runtime=running(OLD, total=3)), service(runtime=running(OLD))), StackStatus.HEALTHY),
        (stack(service(runtime=running(OLD)), service(runtime=stopped(OLD))), StackStatus.DEGRADED),
        (stack(service(runtime=running(OLD, total=3, unhealthy=1))), StackStatus.DEGRADED),
        (stack(service(runtime=Runtime(3, 2, 0))), StackStatus.DEGRADED),
        (stack(service(runtime=Runtime())), StackStatus.DEGRADED),
        (stack(), StackStatus.DEGRADED),
        (stack(service(runtime=running(OLD)), service(runtime=Runtime())), StackStatus.HEALTHY),
        (stack(service(runtime=running(OLD)), runtime_known=False), StackStatus.UNKNOWN),
    ],
)
def test_a_stack_is_healthy_when_all_its_containers_run_and_none_is_unhealthy(
    shown: Stack, status: StackStatus
) -> None:
    assert shown.status is status


@pytest.mark.parametrize(
    ("archived_filter", "admitted"),
    [
        (ArchivedFilter.EXCLUDE, {False}),
        (ArchivedFilter.ONLY, {True}),
        (ArchivedFilter.INCLUDE, {True, False}),
    ],
)
def test_the_archived_filter(archived_filter: ArchivedFilter, admitted: set[bool]) -> None:
    assert {archived for archived in (True, False) if archived_filter.admits(archived)} == admitted


def test_only_updates_for_this_host_are_counted_archived_services_included() -> None:
    matching = knowledge(tag(NEW), facts=[index(NEW, amd64=NEW)])
    mismatching = knowledge(tag(NEW), facts=[index(NEW, arm64=NEW)])
    blog = stack(
        service("web", running(OLD)),
        service("web", running(OLD), archived=True),
        service("web", running(OLD), removed=True),
        service("web", running(NEW)),
    )
    assert [views_of([blog], context(known))[0].updates for known in (matching, mismatching)] == [2, 0]

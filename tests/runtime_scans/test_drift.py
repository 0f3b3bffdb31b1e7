"""Which changes count as drift."""

import pytest

from dockrev.runtime_scans.drift import Drift, drifted, seen_in
from dockrev.stacks.models import Runtime
from dockrev.stacks.update_state import RegistryFacts
from dockrev.stacks.views import StackView
from tests.stacks.building import NEW, OLD, context, running, service, stack, stopped, views_of


def views(runtime: Runtime) -> list[StackView]:
    return views_of([stack(service(runtime=runtime))], context(RegistryFacts({}, {})))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (running(OLD), running(OLD)),
        (running(OLD), running(OLD, total=3)),
        (running(OLD), stopped(OLD)),
        (running(OLD), Runtime()),
        (running(OLD), running(())),
        (Runtime(), Runtime()),
    ],
)
def test_the_same_or_no_digests_are_no_drift(before: Runtime, now: Runtime) -> None:
    assert drifted(seen_in(views(before)), views(now)) == ()


@pytest.mark.parametrize(
    ("before", "now", "digests"),
    [
        (running(OLD), running(NEW), (OLD, NEW)),
        (running(OLD), stopped(NEW), (OLD, NEW)),
        (Runtime(), running(NEW), (None, NEW)),
        (running(()), running(NEW), (None, NEW)),
    ],
)
def test_other_digests_are_drift(before: Runtime, now: Runtime, digests: tuple[str | None, str]) -> None:
    (drift,) = drifted(seen_in(views(before)), views(now))

    assert ((drift.before, drift.now), drift.changed) == (digests, True)


def test_a_change_of_another_replica_does_not_change_the_shown_digest() -> None:
    (drift,) = drifted(seen_in(views(running(OLD))), views(running(OLD, NEW)))

    assert drift == Drift(drift.service, "latest", OLD, OLD, drift.version)
    assert not drift.changed


def test_a_new_service_is_no_drift() -> None:
    assert drifted({}, views(running(NEW))) == ()

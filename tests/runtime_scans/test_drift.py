"""What counts as drift."""

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
def test_the_same_content_or_none_is_no_drift(before: Runtime, now: Runtime) -> None:
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
def test_other_content_is(before: Runtime, now: Runtime, digests: tuple[str | None, str]) -> None:
    (drift,) = drifted(seen_in(views(before)), views(now))

    assert ((drift.before, drift.now), drift.changed) == (digests, True)


def test_a_replica_that_does_not_stand_for_its_service_changes_nothing_that_is_shown() -> None:
    (drift,) = drifted(seen_in(views(running(OLD))), views(running(OLD, NEW)))

    assert drift == Drift(drift.service, "latest", OLD, OLD, drift.version)
    assert not drift.changed


def test_a_service_that_was_not_on_record_has_not_changed() -> None:
    assert drifted({}, views(running(NEW))) == ()

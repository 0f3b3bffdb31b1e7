from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dockrev.docker.inspect import ContainerDetail, Healthcheck
from dockrev.docker.snapshot import ContainerState, Health
from dockrev.replacement.health import HealthAssessment, HealthLimits, HealthVerdict, assess

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = HealthLimits(stability=timedelta(seconds=10))
CHECK = Healthcheck(start_period_seconds=30, interval_seconds=5, timeout_seconds=3, retries=3)
PLAIN = ContainerDetail(
    id="c1",
    name="web-1",
    image_id="sha256:new",
    image="web:latest",
    state=ContainerState.RUNNING,
    health=None,
    restart_count=0,
    started_at=START,
    exit_code=0,
    stop_timeout_seconds=10,
    healthcheck=None,
    labels={},
    mounts=(),
    networks=frozenset(),
    document={},
)
CHECKED = replace(PLAIN, healthcheck=CHECK, health=Health.HEALTHY)


def assessed(
    *containers: ContainerDetail, after: float = 60, replicas: int | None = None
) -> HealthAssessment:
    now = START + timedelta(seconds=after)
    expected = len(containers) if replicas is None else replicas
    return assess(containers, "sha256:new", expected, START, now, LIMITS)


def test_healthy_is_good_at_once() -> None:
    assert assessed(CHECKED, after=0) == HealthAssessment(HealthVerdict.GOOD, "healthy")


def test_without_a_health_check_a_container_has_to_run_for_a_while_without_a_restart() -> None:
    assert assessed(PLAIN, after=9.9).verdict is HealthVerdict.WAIT
    assert assessed(PLAIN, after=10).verdict is HealthVerdict.GOOD


def test_a_container_may_restart_once_or_twice() -> None:
    assert assessed(replace(PLAIN, state=ContainerState.RESTARTING)) == HealthAssessment(
        HealthVerdict.WAIT, "web-1 is restarting"
    )
    assert assessed(replace(PLAIN, restart_count=2), after=9).verdict is HealthVerdict.WAIT
    assert assessed(replace(PLAIN, restart_count=2), after=10).verdict is HealthVerdict.GOOD


def test_every_replica_counts() -> None:
    assert assessed(CHECKED, CHECKED, replicas=3).verdict is HealthVerdict.WAIT
    starting = replace(CHECKED, name="web-2", health=Health.STARTING)
    assert assessed(CHECKED, starting) == HealthAssessment(HealthVerdict.WAIT, "web-2 is not healthy yet")


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        (replace(PLAIN, image_id="sha256:old"), "runs another image"),
        (replace(CHECKED, health=Health.UNHEALTHY), "is unhealthy"),
        (replace(PLAIN, state=ContainerState.EXITED, exit_code=3), "is exited (exit code 3)"),
        (replace(CHECKED, state=ContainerState.EXITED, health=Health.UNHEALTHY), "is exited (exit code 0)"),
        (replace(PLAIN, restart_count=3, exit_code=7), "keeps restarting (exit code 7)"),
        (replace(PLAIN, state=ContainerState.DEAD), "is dead"),
        (replace(PLAIN, state=ContainerState.PAUSED), "is paused"),
    ],
)
def test_a_failure_that_cannot_heal_is_bad_at_once(container: ContainerDetail, reason: str) -> None:
    seen = assessed(CHECKED, container, after=0)
    assert seen.verdict is HealthVerdict.BAD
    assert reason in seen.reason


def test_the_deadline_is_as_long_as_the_healthcheck_may_take() -> None:
    """A start period of 30 s, three rounds of 5 s and 3 s, and a margin of 10 s."""
    assert LIMITS.deadline([CHECKED]) == timedelta(seconds=30 + 24 + 10)


def test_the_deadline_has_a_limit_and_covers_the_stability_window() -> None:
    slow = replace(CHECKED, healthcheck=replace(CHECK, start_period_seconds=7200))
    assert LIMITS.deadline([slow]) == LIMITS.longest
    assert LIMITS.deadline([PLAIN]) == timedelta(seconds=20)
    assert LIMITS.deadline([]) == timedelta(seconds=20)

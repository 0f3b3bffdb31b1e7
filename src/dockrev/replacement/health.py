"""Assesses from the state that the engine reports whether new containers work. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dockrev.docker.inspect import ContainerDetail, Healthcheck
from dockrev.docker.snapshot import ContainerState, Health
from dockrev.wording import counted

_MARGIN = timedelta(seconds=10)
_CRASH_LOOP = 3
"""A container with fewer restarts may only be waiting for its database."""


class HealthVerdict(StrEnum):
    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class HealthAssessment:
    """`reason` is a phrase for people. GOOD and WAIT have one too."""

    verdict: HealthVerdict
    reason: str


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """`stability`: how long a container without a health check has to run without a restart.

    `longest` limits the wait for health checks, even when their own timing allows more.
    """

    stability: timedelta = timedelta(seconds=10)
    longest: timedelta = timedelta(minutes=15)

    def deadline(self, containers: Sequence[ContainerDetail]) -> timedelta:
        """The longest time that one of their health checks may take to succeed, plus a margin."""
        waits = [_longest_wait(each.healthcheck) for each in containers if each.healthcheck]
        return min(max([*waits, self.stability]) + _MARGIN, self.longest)


def _longest_wait(check: Healthcheck) -> timedelta:
    rounds = (check.interval_seconds + check.timeout_seconds) * max(check.retries, 1)
    return timedelta(seconds=check.start_period_seconds + rounds)


def assess(
    containers: Sequence[ContainerDetail],
    image_id: str,
    replicas: int,
    stable_since: datetime,
    now: datetime,
    limits: HealthLimits,
) -> HealthAssessment:
    """`stable_since`: when these containers first appeared, or when one of them last changed its state."""
    if len(containers) < replicas:
        missing = f"{len(containers)} of {counted(replicas, 'container')} created"
        return HealthAssessment(HealthVerdict.WAIT, missing)
    if failure := next((text for each in containers if (text := _failure(each, image_id))), None):
        return HealthAssessment(HealthVerdict.BAD, failure)
    if unready := [text for container in containers if (text := _not_ready(container))]:
        return HealthAssessment(HealthVerdict.WAIT, ", ".join(unready))
    window = f"{limits.stability.total_seconds():g} s"
    if all(container.health is not None for container in containers):
        return HealthAssessment(HealthVerdict.GOOD, "healthy")
    if now - stable_since < limits.stability:
        return HealthAssessment(HealthVerdict.WAIT, f"running; it has to stay up for {window}")
    return HealthAssessment(HealthVerdict.GOOD, f"running without a restart for {window}")


def _not_ready(container: ContainerDetail) -> str | None:
    if container.state is ContainerState.RESTARTING:
        return f"{container.name} is restarting"
    return f"{container.name} is not healthy yet" if container.health is Health.STARTING else None


def _failure(container: ContainerDetail, image_id: str) -> str | None:
    if container.image_id != image_id:
        return f"container {container.name} runs another image ({container.image_id[:19]})"
    if container.restart_count >= _CRASH_LOOP:
        return f"container {container.name} keeps restarting (exit code {container.exit_code})"
    if container.state not in (ContainerState.RUNNING, ContainerState.RESTARTING):
        return f"container {container.name} is {container.state} (exit code {container.exit_code})"
    if container.health is Health.UNHEALTHY:  # checked last: a stopped container can be unhealthy too
        return f"container {container.name} is unhealthy"
    return None

"""Is the new container as it should be? Decided from what the engine says, look by look. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dockrev.docker.inspect import ContainerDetail, Healthcheck
from dockrev.docker.snapshot import ContainerState, Health
from dockrev.wording import counted

_MARGIN = timedelta(seconds=10)
_LOOP = 3
"""So many restarts are no longer somebody waiting for its database."""


class Judgement(StrEnum):
    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Look:
    """`reason` in words, also while waiting."""

    judgement: Judgement
    reason: str


@dataclass(frozen=True, slots=True)
class Patience:
    """`stability`: how long a container without a healthcheck has to run untroubled."""

    stability: timedelta = timedelta(seconds=10)
    longest: timedelta = timedelta(minutes=15)

    def deadline(self, containers: Sequence[ContainerDetail]) -> timedelta:
        """From the healthchecks' own words: as long as they may take to say healthy, and a little more."""
        waits = [_patience_of(one.healthcheck) for one in containers if one.healthcheck]
        return min(max([*waits, self.stability]) + _MARGIN, self.longest)


def _patience_of(check: Healthcheck) -> timedelta:
    rounds = (check.interval_seconds + check.timeout_seconds) * max(check.retries, 1)
    return timedelta(seconds=check.start_period_seconds + rounds)


def judge(
    containers: Sequence[ContainerDetail],
    image_id: str,
    replicas: int,
    calm_since: datetime,
    now: datetime,
    patience: Patience,
) -> Look:
    """`calm_since`: since when these very containers are looked at and none of them was restarted."""
    if len(containers) < replicas:
        return Look(Judgement.WAIT, f"{len(containers)} of {counted(replicas, 'container')} there")
    for one in containers:
        if one.image_id != image_id:
            return Look(Judgement.BAD, f"container {one.name} runs another image ({one.image_id[:19]})")
        if trouble := _trouble(one):
            return Look(Judgement.BAD, trouble)
    if unready := [text for one in containers if (text := _unready(one))]:
        return Look(Judgement.WAIT, ", ".join(unready))
    window = f"{patience.stability.total_seconds():g} s"
    unchecked = [one for one in containers if one.health is None]
    if unchecked and now - calm_since < patience.stability:
        return Look(Judgement.WAIT, f"running, watched for {window}")
    return Look(Judgement.GOOD, f"running untroubled for {window}" if unchecked else "healthy")


def _unready(one: ContainerDetail) -> str | None:
    if one.state is ContainerState.RESTARTING:
        return f"{one.name} restarts"
    return f"{one.name} is not healthy yet" if one.health is Health.STARTING else None


def _trouble(one: ContainerDetail) -> str | None:
    if one.restart_count >= _LOOP:
        return f"container {one.name} restarts again and again (exit code {one.exit_code})"
    if one.state not in (ContainerState.RUNNING, ContainerState.RESTARTING):
        return f"container {one.name} is {one.state} (exit code {one.exit_code})"
    if one.health is Health.UNHEALTHY:  # last, since the engine says it of one that was stopped too
        return f"container {one.name} is unhealthy"
    return None

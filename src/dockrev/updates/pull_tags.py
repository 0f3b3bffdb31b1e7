"""Pulls the further tags that the operator asked for. A tag that cannot be pulled is only a warning."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from dockrev.errors import AppError, JobCancelled, Json, StorageError
from dockrev.jobs.models import Level
from dockrev.oci.ref import ImageRef
from dockrev.replacement.download import ensure_present
from dockrev.replacement.waiting import or_cancelled, retry_and_tell
from dockrev.retry import RetryPolicy
from dockrev.updates.environment import UpdateEnvironment
from dockrev.updates.models import PulledTags, ServicePlan

Log = Callable[[str, Level], Awaitable[None]]


async def pull_tags(
    plan: ServicePlan, policy: RetryPolicy, environment: UpdateEnvironment, cancelled: asyncio.Event, log: Log
) -> PulledTags:
    """Pulls the tags one after the other, from the repository in the compose file. Raises StorageError."""
    names, warnings = [], []
    for tag in plan.pull_tags:
        ref = replace(plan.ref, tag=tag, digest=None)
        attempts = _Attempts(ref, environment)
        try:
            await _pull(attempts, policy, cancelled, log)
        except StorageError:
            raise  # the whole job waits for its database
        except AppError as error:
            await log(f"{ref} was not pulled: {error.message}", Level.WARN)
            warnings.append(_warning(plan, ref, attempts.count, error.message, environment))
        else:
            names.append(str(ref))
    return PulledTags(tuple(names), tuple(warnings))


class _Attempts:
    def __init__(self, ref: ImageRef, environment: UpdateEnvironment) -> None:
        self._ref = ref
        self._environment = environment
        self.count = 0

    async def make(self) -> None:
        self.count += 1
        host, ref = self._environment.host, self._ref
        digest = await self._environment.registry.head(ref)
        content = replace(ref, tag=None, digest=digest)
        image = await ensure_present(host, self._environment.images, content, lambda _: None)
        await host.images.tag(image, ref.repository, ref.tag or "")


async def _pull(attempts: _Attempts, policy: RetryPolicy, cancelled: asyncio.Event, log: Log) -> None:
    async def tell(line: str) -> None:
        await log(line, Level.INFO)

    if cancelled.is_set():
        raise JobCancelled
    await or_cancelled(cancelled, retry_and_tell(policy, attempts.make, tell))


def _warning(
    plan: ServicePlan, ref: ImageRef, attempts: int, error: str, environment: UpdateEnvironment
) -> Mapping[str, Json]:
    limits = environment.retries
    return {
        "serviceId": plan.service_id,
        "tagRef": str(ref),
        "step": "pull_tag",
        "retry": {
            "attempts": attempts,
            "maxAttempts": limits.retry_max_attempts,
            "baseMs": limits.retry_base_ms,
            "maxMs": limits.retry_max_ms,
        },
        "lastError": error,
    }

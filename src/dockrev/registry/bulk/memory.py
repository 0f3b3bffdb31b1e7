"""Where a bulk API failed, and how long it is left alone for that."""

from datetime import datetime, timedelta

from dockrev.clock import Clock
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.models import BulkUnavailable

DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_OUTAGE = timedelta(minutes=10)
_LOGIN = timedelta(minutes=5)


class NoSuchApi(RegistryError):
    """The server has no such API at all, whatever the repository."""


class Memory:
    """Remembers by registry and by repository."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[str, datetime]] = {}

    def recall(self, ref: ImageRef) -> BulkUnavailable | None:
        for key in (ref.registry, ref.repository):
            why, until = self._failures.get(key, ("", self._clock.now()))
            if until > self._clock.now():
                return BulkUnavailable(why, until)
        return None

    def failed(self, ref: ImageRef, error: RegistryError) -> BulkUnavailable:
        now = self._clock.now()
        whole, until = _verdict(error, now)
        self._failures = {key: kept for key, kept in self._failures.items() if kept[1] > now}
        self._failures[ref.registry if whole else ref.repository] = (error.message, until)
        return BulkUnavailable(error.message, until)


def _verdict(error: RegistryError, now: datetime) -> tuple[bool, datetime]:
    """Whether the registry failed and not only the repository, and until when that is believed."""
    if isinstance(error, NoSuchApi):
        return True, now + DAY
    match error.reason:
        case RegistryErrorCode.NOT_FOUND | RegistryErrorCode.UNAUTHORIZED:
            return False, now + DAY
        case RegistryErrorCode.BAD_ANSWER:
            # Permanent is what is wrong with one answer: too large, or continued elsewhere.
            return not error.permanent, now + (DAY if error.permanent else _HOUR)
        case RegistryErrorCode.RATE_LIMITED if error.retry_at:
            return True, error.retry_at
        case RegistryErrorCode.CREDENTIALS:
            return True, now + _LOGIN
        case _:
            return True, now + _OUTAGE

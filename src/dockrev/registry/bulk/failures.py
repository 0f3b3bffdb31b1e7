"""Which bulk APIs failed, and until when the client does not ask them again."""

from datetime import datetime, timedelta

from dockrev.clock import Clock
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.models import BulkUnavailable

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_OUTAGE = timedelta(minutes=10)
_LOGIN = timedelta(minutes=5)


class NoSuchApi(RegistryError):
    """The server does not have the API at all, whatever the repository."""


class FailureCache:
    """Holds failures of whole registries and of single repositories."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[str, datetime]] = {}

    def find(self, ref: ImageRef) -> BulkUnavailable | None:
        """The failure that still counts for this repository."""
        for key in (ref.registry, ref.repository):
            why, until = self._failures.get(key, ("", self._clock.now()))
            if until > self._clock.now():
                return BulkUnavailable(why, until)
        return None

    def add(self, ref: ImageRef, error: RegistryError) -> BulkUnavailable:
        now = self._clock.now()
        whole_registry, until = _extent(error, now)
        self._failures = {key: failure for key, failure in self._failures.items() if failure[1] > now}
        self._failures[ref.registry if whole_registry else ref.repository] = (error.message, until)
        return BulkUnavailable(error.message, until)


def _extent(error: RegistryError, now: datetime) -> tuple[bool, datetime]:
    """Whether the failure counts for the whole registry, and until when it counts."""
    if isinstance(error, NoSuchApi):
        return True, now + _DAY
    match error.reason:
        case RegistryErrorCode.NOT_FOUND | RegistryErrorCode.UNAUTHORIZED:
            return False, now + _DAY
        case RegistryErrorCode.BAD_ANSWER:
            # A permanent one is about this answer only: it is too large, or continues on another host.
            return not error.permanent, now + (_DAY if error.permanent else _HOUR)
        case RegistryErrorCode.RATE_LIMITED if error.retry_at:
            return True, error.retry_at
        case RegistryErrorCode.CREDENTIALS:
            return True, now + _LOGIN
        case _:
            return True, now + _OUTAGE

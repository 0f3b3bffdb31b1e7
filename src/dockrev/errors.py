"""
The errors that Dockrev raises on purpose.

* AppError                     code, status, message, details
  - InvalidArgument            400 invalid_argument
    + InvalidJobsCursor        400 invalid_jobs_cursor
  - AuthRequired               401 auth_required
  - CrossSiteRefused           403 cross_site_refused
  - NotFound                   404 not_found
  - MethodNotAllowed           405 method_not_allowed
    + ManualRegistrationDisabled   405 manual_registration_disabled
  - Conflict                   409 conflict
    + JobCancelled             never reaches HTTP; ends a job that was cancelled
  - BackupError                500 backup_failed; an archive is damaged, or restored data differs from it
  - UpstreamError              502 upstream_error; `permanent` says that a retry cannot help
    + RegistryError            the reasons are in `RegistryErrorCode`
    + DockerError              the engine refused, or cannot be reached
      . DockerNotFound         the container, image, volume or path does not exist
      . DockerConflict         the state or the name of an object does not allow the request
    + ComposeError             the Compose CLI refused, or cannot be run
  - Unavailable                503 unavailable; temporary, while the server starts or stops
    + StorageError             503 storage_unavailable
      . DatabaseInUse          another Dockrev process uses the database; never reaches HTTP
* ConfigError                  the environment has faults, and this lists all of them; never reaches HTTP
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

JsonScalar = str | int | float | bool | None
Json = JsonScalar | Sequence["Json"] | Mapping[str, "Json"]


class AppError(Exception):
    """An error that the API can show. Clients rely on `code` and `status`; `message` is for people."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str, details: Mapping[str, Json] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Json] = details or {}


class InvalidArgument(AppError):
    code, status = "invalid_argument", 400


class InvalidJobsCursor(InvalidArgument):
    code = "invalid_jobs_cursor"


class AuthRequired(AppError):
    code, status = "auth_required", 401


class CrossSiteRefused(AppError):
    code, status = "cross_site_refused", 403


class NotFound(AppError):
    code, status = "not_found", 404


class MethodNotAllowed(AppError):
    code, status = "method_not_allowed", 405


class ManualRegistrationDisabled(MethodNotAllowed):
    code = "manual_registration_disabled"


class Conflict(AppError):
    code, status = "conflict", 409


class JobCancelled(Conflict):
    def __init__(self) -> None:
        super().__init__("the job was cancelled")


class BackupError(AppError):
    code, status = "backup_failed", 500


class UpstreamError(AppError):
    """A service that Dockrev depends on failed. `permanent`: a retry would fail in the same way."""

    code, status = "upstream_error", 502

    def __init__(
        self, message: str, details: Mapping[str, Json] | None = None, *, permanent: bool = False
    ) -> None:
        super().__init__(message, details)
        self.permanent = permanent


class RegistryErrorCode(StrEnum):
    """Why a registry gave no usable answer. The API shows this as `checkError.code`."""

    UNREACHABLE = "registry_unreachable"
    TIMEOUT = "registry_timeout"
    TLS = "registry_tls"
    UNAUTHORIZED = "registry_unauthorized"
    CREDENTIALS = "registry_credentials"
    NOT_FOUND = "image_not_found"
    RATE_LIMITED = "registry_rate_limited"
    SERVER_ERROR = "registry_server_error"
    BAD_ANSWER = "registry_bad_answer"


class RegistryError(UpstreamError):
    """A registry gave no usable answer.

    `retry_at`: the registry must not be asked before this time, after a 429 or during a cool-down.
    """

    def __init__(
        self,
        reason: RegistryErrorCode,
        message: str,
        *,
        permanent: bool = False,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(message, {"reason": reason.value}, permanent=permanent)
        self.reason = reason
        self.retry_at = retry_at


class DockerError(UpstreamError):
    pass


class DockerNotFound(DockerError):
    pass


class DockerConflict(DockerError):
    pass


class ComposeError(UpstreamError):
    pass


class Unavailable(AppError):
    code, status = "unavailable", 503


class StorageError(Unavailable):
    code = "storage_unavailable"


class DatabaseInUse(StorageError):
    pass


class ConfigError(Exception):
    """The environment has faults. `problems` has one sentence for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)

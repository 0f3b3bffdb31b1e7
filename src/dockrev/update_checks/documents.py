"""The summary of a check, as the API shows it."""

from dockrev.jobs.models import JobSummary, Scope
from dockrev.web.wire import Nullable, Timestamp, Wire


class NewVersionFound(Wire):
    """`*DisplayTag`: the displayed version, or the tag if the version is not known."""

    stack_id: str
    service_id: str
    service_name: str
    image_ref: Nullable[str]
    current_tag: str
    current_digest: Nullable[str]
    current_display_tag: str
    candidate_tag: str
    candidate_display_tag: str
    candidate_digest: str


class NewVersions(Wire):
    """Candidates that no check saw before this one."""

    count: int
    services: list[NewVersionFound]


class CheckFailure(Wire):
    stack_id: str
    service_id: str
    service_name: str
    code: str
    message: str


class CheckDeferral(Wire):
    """A registry that allows no request before `until`, and how many services wait for it."""

    registry: str
    until: Timestamp
    services: int


class CheckSummary(JobSummary):
    host_platform: str | None = None
    scope: Scope | None = None
    stack_ids: list[str] | None = None
    services_checked: int | None = None
    services_skipped: int | None = None
    services_with_candidate: int | None = None
    services_failed: int | None = None
    services_deferred: int | None = None
    new_versions: NewVersions | None = None
    failures: list[CheckFailure] | None = None
    deferrals: list[CheckDeferral] | None = None

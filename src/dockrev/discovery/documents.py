"""The summary of a discovery job, as the API shows it."""

from typing import Annotated, Literal

from pydantic import Field

from dockrev.discovery.models import ActionKind
from dockrev.jobs.models import JobSummary
from dockrev.projects.variants import SelectionMode
from dockrev.web.wire import Timestamp, Wire


class FilesVariant(Wire):
    """A list of files that containers of the project were made from, and the services of those containers."""

    config_files: list[str]
    services: list[str]


class SelectedFiles(Wire):
    mode: SelectionMode
    config_files: list[str]


class ConfigFilesVariants(Wire):
    """The containers of the project were made from different files."""

    kind: Literal["config_files_variants"]
    variants: list[FilesVariant]
    selected: SelectedFiles


class ConfigFilesInvalid(Wire):
    """The label of a container names no usable files. `raw` is the start of the label."""

    kind: Literal["config_files_invalid"]
    service: str
    raw: str


ActionDetails = Annotated[ConfigFilesVariants | ConfigFilesInvalid, Field(discriminator="kind")]


class DiscoveryAction(Wire):
    project: str
    action: ActionKind
    stack_id: str | None = None
    reason: str | None = None
    details: ActionDetails | None = None


class DiscoveryCounts(Wire):
    projects_seen: int
    stacks_created: int
    stacks_updated: int
    stacks_skipped: int
    stacks_failed: int
    stacks_marked_missing: int


class DiscoveryScan(Wire):
    """`actions` holds at most the configured number of actions."""

    started_at: Timestamp
    duration_ms: int
    summary: DiscoveryCounts
    actions: list[DiscoveryAction]


class DiscoverySummary(JobSummary):
    scan: DiscoveryScan | None = None

"""The settings of updates."""

from typing import ClassVar

from dockrev.settings.section import Section
from dockrev.web.wire import SafeInteger


class UpdateSettings(Section):
    """`stability_seconds`: how long a container without a health check is watched.

    `health_deadline_cap_seconds`: the longest wait for a container that has one.
    """

    section_name: ClassVar[str] = "updates"

    stability_seconds: SafeInteger = 10
    health_deadline_cap_seconds: SafeInteger = 900

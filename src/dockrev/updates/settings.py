"""The settings of updates."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from dockrev.replacement.health import HealthLimits
from dockrev.settings.section import Section
from dockrev.settings.store import SettingsStore
from dockrev.web.wire import SafeInteger


class UpdateSettings(Section):
    """`stability_seconds`: how long a container without a health check has to run without a restart.

    `health_deadline_cap_seconds`: the longest wait for a container that has a health check.
    """

    section_name: ClassVar[str] = "updates"

    stability_seconds: SafeInteger | Annotated[float, Field(ge=0)] = 10
    health_deadline_cap_seconds: SafeInteger = 900


async def health_limits(settings: SettingsStore) -> HealthLimits:
    """The limits of the health check that follows an update."""
    updates = await settings.section(UpdateSettings)
    return HealthLimits(
        stability=timedelta(seconds=updates.stability_seconds),
        longest=timedelta(seconds=updates.health_deadline_cap_seconds),
    )

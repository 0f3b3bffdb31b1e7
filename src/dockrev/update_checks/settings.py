"""The settings of schedules."""

from typing import ClassVar

from pydantic import StrictBool

from dockrev.settings.section import Section
from dockrev.web.wire import Wire


class CronSchedule(Wire):
    """`cron`: five fields, or six with the seconds first, in the server's time zone."""

    enabled: StrictBool
    cron: str


class Schedules(Section):
    section_name: ClassVar[str] = "schedules"

    update_check: CronSchedule = CronSchedule(enabled=False, cron="*/30 * * * *")

"""The settings of backups."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field, StrictBool

from dockrev.settings.section import Section
from dockrev.web.wire import SafeInteger

_TEN_YEARS: Final = 10 * 365 * 24 * 60 * 60
"""In seconds. Much longer times would lead to dates that cannot be stored."""


class HoldMode(StrEnum):
    """What happens to the containers that write to the data while a backup reads it."""

    LIVE = "live"
    PAUSE = "pause"
    STOP = "stop"


class BackupSettings(Section):
    """`skip_targets_over_bytes` applies only to targets with the choice `inherit`.

    Each stack keeps its `keep_last` newest backups. A backup is deleted no earlier than
    `delete_after_stable_seconds` after its update succeeded.
    """

    section_name: ClassVar[str] = "backup"

    enabled: StrictBool = True
    require_success: StrictBool = True
    base_dir: str = "/data/backups"
    skip_targets_over_bytes: SafeInteger = 104857600
    mode: HoldMode = HoldMode.LIVE
    restore_data_on_rollback: StrictBool = False
    keep_last: Annotated[SafeInteger, Field(ge=0)] = 1
    delete_after_stable_seconds: Annotated[SafeInteger, Field(ge=0, le=_TEN_YEARS)] = 3600

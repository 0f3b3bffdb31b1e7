"""Identifiers: `<prefix>_<ULID>`, sortable by creation time."""

from enum import StrEnum

from ulid import ULID


class IdPrefix(StrEnum):
    STACK = "stk"
    SERVICE = "svc"
    JOB = "job"
    CHECK_JOB = "chk"
    DISCOVERY_JOB = "dsc"
    IGNORE_RULE = "ign"
    BACKUP = "bkp"


def new_id(prefix: IdPrefix) -> str:
    return f"{prefix}_{ULID()}"

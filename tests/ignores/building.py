"""Builds ignore rules for tests."""

from datetime import UTC, datetime, timedelta

from dockrev.ignores.models import IgnoreRule, MatchKind

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def rule(
    kind: MatchKind, value: str, *, name: str = "a", minutes: int = 0, enabled: bool = True
) -> IgnoreRule:
    created = NOON + timedelta(minutes=minutes)
    return IgnoreRule(f"ign_{name}", "svc_web", enabled, kind, value, None, created)

"""Dockrev itself: liveness, readiness, version, stored settings."""

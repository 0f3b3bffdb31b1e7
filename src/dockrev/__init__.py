"""Dockrev: an update manager for Docker Compose."""

"""Checks ask the registries whether updates are waiting."""

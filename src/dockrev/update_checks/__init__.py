"""Asking the registries whether updates are waiting."""

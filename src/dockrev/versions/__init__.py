"""Reads and compares version tags, and stores which digests they name."""

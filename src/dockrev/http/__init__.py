"""Outgoing HTTP: one client with time limits, bounded bodies and rate limits that all features share."""

"""Stacks and their services: their records, their update state and their views."""

"""Stacks and their services: what is known of them and what that means."""

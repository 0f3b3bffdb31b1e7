"""Finds the Compose projects of a host and keeps the stacks up to date with them."""

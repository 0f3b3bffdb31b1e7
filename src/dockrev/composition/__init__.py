"""Builds all parts of Dockrev and connects them. It decides nothing."""

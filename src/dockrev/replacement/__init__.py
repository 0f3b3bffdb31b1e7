"""Replaces the image of services on a host, and proves the result or restores what was there before."""

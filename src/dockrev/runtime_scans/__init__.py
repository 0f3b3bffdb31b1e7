"""Asking what runs now, and looking up at the registry what is new about it."""

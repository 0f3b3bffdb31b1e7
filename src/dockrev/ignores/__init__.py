"""Candidates that nobody wants to hear of."""

"""Finds out in the background which version a floating tag names, with as few requests as possible."""

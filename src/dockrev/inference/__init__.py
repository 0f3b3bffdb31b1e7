"""Finds out in the background which version a moving tag names, with as few requests as possible."""

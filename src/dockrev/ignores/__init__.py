"""Rules that silence candidates."""

"""HTTP machinery: identity, errors, wire format, event streams. Knows no feature."""

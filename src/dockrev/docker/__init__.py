"""The Docker Engine API, parsed into values. Only this package speaks to the engine."""

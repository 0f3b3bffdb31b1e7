"""Runtime scans: which services run another image than before, and what registries say of it."""

"""The configuration of each process, read once from the environment."""

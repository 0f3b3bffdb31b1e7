"""Docker hosts: an engine, its Compose CLI, and the table of hosts."""

"""Docker hosts: an engine, the Compose that works with it, and what Dockrev knows of both."""

"""Runtime scans: find the services whose image changed, and ask the registries about their new images."""

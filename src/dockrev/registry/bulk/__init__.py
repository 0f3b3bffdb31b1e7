"""What some registries answer beyond the distribution spec: many tags with their digests at once."""

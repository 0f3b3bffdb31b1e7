"""APIs that some registries offer beside the distribution spec: many tags with their digests at once."""

"""Stores what registries said about images: the digest of a tag, and the platforms of a digest."""

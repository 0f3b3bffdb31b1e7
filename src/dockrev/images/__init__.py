"""What registries answered about images: the digest that a tag names, the platforms that a digest holds."""

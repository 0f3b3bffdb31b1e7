"""What registries say of images: which content a tag names, which platforms a digest offers."""

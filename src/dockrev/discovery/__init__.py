"""Finding the Compose projects of a host and keeping the stacks true to them."""

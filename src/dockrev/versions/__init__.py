"""Which version a digest is: how tags are ordered, and what is known of them."""

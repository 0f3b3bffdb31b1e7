"""A Compose project on a host: found by the labels of its containers, rendered, and brought up."""

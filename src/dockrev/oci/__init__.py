"""Values of the OCI world: references, digests, platforms, manifests. No I/O."""

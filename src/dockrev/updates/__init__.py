"""Updates services to the digest that the operator approved, or leaves them exactly as they were."""

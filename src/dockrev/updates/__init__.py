"""Updating services to the digest that was approved, or leaving them exactly as they were."""

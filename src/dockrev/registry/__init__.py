"""A registry client (OCI distribution spec) that costs as few requests as the question allows."""

"""Copies of the data of services, made before an update, and brought back when it has to be."""

"""Backups of the data of services: created before an update, restored on a rollback or by an operator."""

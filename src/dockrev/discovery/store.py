"""Discovered Compose projects: the only SQL for this table."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, String, Table, Text

from dockrev.db.schema import Moment, metadata

discovered_projects = Table(
    "discovered_projects",
    metadata,
    Column("project", String, primary_key=True),
    Column("stack_id", ForeignKey("stacks.id", ondelete="SET NULL")),
    Column("status", String, nullable=False),
    Column("config_files", JSON),
    Column("last_seen_at", Moment),
    Column("last_scan_at", Moment, nullable=False),
    Column("last_error", Text),
    Column("archived", Boolean, nullable=False),
    Column("archived_at", Moment),
    Column("archived_reason", String),
)

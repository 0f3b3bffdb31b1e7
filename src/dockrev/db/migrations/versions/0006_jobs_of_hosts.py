"""Gives jobs a host, log lines a number within their job, and held containers a position."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("host_id", sa.String(), server_default="local", nullable=False))
    op.add_column("jobs", sa.Column("last_seq", sa.Integer(), server_default="0", nullable=False))
    op.add_column("job_logs", sa.Column("seq", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "suspended_containers", sa.Column("position", sa.Integer(), server_default="0", nullable=False)
    )
    op.execute(
        "UPDATE job_logs SET seq = counted.number FROM"
        " (SELECT id, row_number() OVER (PARTITION BY job_id ORDER BY id) AS number FROM job_logs) AS counted"
        " WHERE counted.id = job_logs.id"
    )
    op.execute(
        "UPDATE jobs SET last_seq = counted.number FROM"
        " (SELECT job_id, count(*) AS number FROM job_logs GROUP BY job_id) AS counted"
        " WHERE counted.job_id = jobs.id"
    )
    if op.get_bind().dialect.name == "sqlite":  # until this revision the only database
        op.execute("UPDATE suspended_containers SET position = rowid")

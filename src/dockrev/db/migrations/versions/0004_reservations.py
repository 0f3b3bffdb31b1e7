"""Reserves services for a manual restore too."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "reservations",
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("backup_id", sa.String(), nullable=True),
        sa.CheckConstraint("(job_id IS NULL) != (backup_id IS NULL)", name="one_holder"),
        sa.ForeignKeyConstraint(
            ["service_id"], ["services.id"], name=op.f("fk_reservations_service_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_reservations_job_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["backup_id"], ["backups.id"], name=op.f("fk_reservations_backup_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_reservations")),
    )
    op.create_index(op.f("ix_reservations_job_id"), "reservations", ["job_id"], unique=False)
    op.execute("INSERT INTO reservations SELECT service_id, job_id, NULL FROM update_reservations")
    op.drop_table("update_reservations")

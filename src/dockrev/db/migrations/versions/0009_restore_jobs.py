"""Makes a restore a job, so that only jobs reserve services. Held containers get a mode and a purpose."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    _reservations()
    _suspended_containers()


def _reservations() -> None:
    op.create_table(
        "new_reservations",
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["service_id"], ["services.id"], name=op.f("fk_reservations_service_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_reservations_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_reservations")),
    )
    op.execute(
        "INSERT INTO new_reservations SELECT service_id, job_id FROM reservations WHERE job_id IS NOT NULL"
    )
    op.drop_table("reservations")
    op.rename_table("new_reservations", "reservations")
    op.create_index(op.f("ix_reservations_job_id"), "reservations", ["job_id"], unique=False)


def _suspended_containers() -> None:
    op.add_column(
        "suspended_containers", sa.Column("for_restore", sa.Boolean(), server_default="0", nullable=False)
    )
    op.execute("UPDATE suspended_containers SET for_restore = (manner = 'stopped_for_restore')")
    op.execute(
        "UPDATE suspended_containers SET manner = CASE manner WHEN 'paused' THEN 'pause' ELSE 'stop' END"
    )
    op.execute("ALTER TABLE suspended_containers RENAME COLUMN manner TO mode")

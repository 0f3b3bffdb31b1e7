"""Adds updates with plans, reservations and journal, backups, and the request to cancel a job."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


_SERVICES = (
    *(
        "id",
        "stack_id",
        "name",
        "image_ref",
        "builds",
        "watched",
        "runtime",
        "auto_rollback",
        "backup_targets",
    ),
    *("repo_url", "archived", "archived_at", "archived_reason", "removed_at", "created_at", "updated_at"),
)


def upgrade() -> None:
    # SQLite would add columns after the constraints. A copy of each table keeps the declared order.
    with op.batch_alter_table("jobs", recreate="always") as jobs:
        jobs.add_column(sa.Column("cancel_requested", sa.Boolean(), server_default="0", nullable=False))
    _remake_services()
    op.create_table(
        "update_plans",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_update_plans_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_update_plans")),
    )
    op.create_table(
        "update_reservations",
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["services.id"],
            name=op.f("fk_update_reservations_service_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_update_reservations_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_update_reservations")),
    )
    op.create_index(op.f("ix_update_reservations_job_id"), "update_reservations", ["job_id"], unique=False)
    op.create_table(
        "update_journal",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_update_journal_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "subject", "step", name=op.f("pk_update_journal")),
    )
    op.create_table(
        "backups",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("stack_id", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("finished_at", sa.String(27), nullable=True),
        sa.Column("artifact_path", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=True),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("cleanup_after", sa.String(27), nullable=True),
        sa.Column("deleted_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_backups_job_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
    )
    op.create_index(
        op.f("ix_backups_stack_id_created_at"), "backups", ["stack_id", "created_at"], unique=False
    )
    op.create_table(
        "suspended_containers",
        sa.Column("container_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("manner", sa.String(), nullable=False),
        sa.Column("backup_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["backup_id"], ["backups.id"], name=op.f("fk_suspended_containers_backup_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("container_id", name=op.f("pk_suspended_containers")),
    )


def _remake_services() -> None:
    """Written by hand, because a batch of Alembic orders several constraints at random."""
    op.create_table(
        "new_services",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("stack_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("image_ref", sa.String(), nullable=True),
        sa.Column("builds", sa.Boolean(), nullable=False),
        sa.Column("watched", sa.Boolean(), nullable=False),
        sa.Column("runtime", sa.JSON(), nullable=False),
        sa.Column("config_digest", sa.String(), server_default="", nullable=False),
        sa.Column("auto_rollback", sa.Boolean(), nullable=False),
        sa.Column("backup_targets", sa.JSON(), nullable=False),
        sa.Column("repo_url", sa.String(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("archived_at", sa.String(27), nullable=True),
        sa.Column("archived_reason", sa.String(), nullable=True),
        sa.Column("removed_at", sa.String(27), nullable=True),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("updated_at", sa.String(27), nullable=False),
        sa.UniqueConstraint("stack_id", "name", name=op.f("uq_services_stack_id_name")),
        sa.ForeignKeyConstraint(
            ["stack_id"], ["stacks.id"], name=op.f("fk_services_stack_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services")),
    )
    columns = ", ".join(_SERVICES)
    op.execute(f"INSERT INTO new_services ({columns}) SELECT {columns} FROM services")  # noqa: S608 -- names from above
    op.drop_table("services")
    op.rename_table("new_services", "services")

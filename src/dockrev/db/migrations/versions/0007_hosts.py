"""Adds the table of hosts. All existing rows belong to the local host."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_PROJECTS = (
    "project, stack_id, status, config_files, last_seen_at, last_scan_at, last_error, archived, archived_at,"
    " archived_reason"
)


def upgrade() -> None:
    hosts = op.create_table(
        "hosts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hosts")),
    )
    op.bulk_insert(hosts, [{"id": "local", "name": "local", "kind": "local", "address": None}])
    with op.batch_alter_table("stacks", recreate="always") as stacks:
        stacks.drop_constraint(op.f("uq_stacks_name"), type_="unique")
        stacks.add_column(_host_id(), insert_after="id")
        stacks.create_unique_constraint(op.f("uq_stacks_host_id_name"), ["host_id", "name"])
        stacks.create_foreign_key(op.f("fk_stacks_host_id"), "hosts", ["host_id"], ["id"])
    _remake_discovered_projects()
    with op.batch_alter_table("backups", recreate="always") as backups:
        backups.drop_constraint(op.f("fk_backups_job_id"), type_="foreignkey")
        backups.add_column(_host_id(), insert_after="id")
        backups.create_foreign_key(op.f("fk_backups_host_id"), "hosts", ["host_id"], ["id"])
        backups.create_foreign_key(op.f("fk_backups_job_id"), "jobs", ["job_id"], ["id"], ondelete="SET NULL")
    with op.batch_alter_table("suspended_containers", recreate="always") as containers:
        containers.drop_constraint(op.f("fk_suspended_containers_backup_id"), type_="foreignkey")
        containers.add_column(_host_id(), insert_before="container_id")
        containers.create_foreign_key(op.f("fk_suspended_containers_host_id"), "hosts", ["host_id"], ["id"])
        containers.create_foreign_key(
            op.f("fk_suspended_containers_backup_id"), "backups", ["backup_id"], ["id"], ondelete="CASCADE"
        )


def _host_id() -> sa.Column[str]:
    return sa.Column("host_id", sa.String(), server_default="local", nullable=False)


def _remake_discovered_projects() -> None:
    """Replaces the table by one with another primary key. No other table refers to it."""
    op.create_table(
        "new_discovered_projects",
        _host_id(),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("stack_id", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("config_files", sa.JSON(), nullable=True),
        sa.Column("last_seen_at", sa.String(length=27), nullable=True),
        sa.Column("last_scan_at", sa.String(length=27), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("archived_at", sa.String(length=27), nullable=True),
        sa.Column("archived_reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["host_id"], ["hosts.id"], name=op.f("fk_discovered_projects_host_id")),
        sa.ForeignKeyConstraint(
            ["stack_id"], ["stacks.id"], name=op.f("fk_discovered_projects_stack_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("host_id", "project", name=op.f("pk_discovered_projects")),
    )
    copied = f"SELECT {_PROJECTS} FROM discovered_projects"  # noqa: S608 -- names from above
    op.execute(f"INSERT INTO new_discovered_projects ({_PROJECTS}) {copied}")
    op.drop_table("discovered_projects")
    op.rename_table("new_discovered_projects", "discovered_projects")

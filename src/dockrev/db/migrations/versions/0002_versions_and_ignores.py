"""Adds the tables of ignore rules and versions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "ignore_rules",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("service_id", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(
            ["service_id"], ["services.id"], name=op.f("fk_ignore_rules_service_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ignore_rules")),
    )
    op.create_index(op.f("ix_ignore_rules_service_id"), "ignore_rules", ["service_id"], unique=False)
    op.create_table(
        "tag_facts",
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("children", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("repository", "tag", name=op.f("pk_tag_facts")),
    )
    op.create_index(op.f("ix_tag_facts_digest"), "tag_facts", ["digest"], unique=False)
    op.create_table(
        "repository_tags",
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("listed_at", sa.String(27), nullable=False),
        sa.Column("complete_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("repository", name=op.f("pk_repository_tags")),
    )
    op.create_table(
        "digest_snapshots",
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("former", sa.JSON(), nullable=False),
        sa.Column("checked_at", sa.String(27), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("considered", sa.Integer(), nullable=False),
        sa.Column("ok", sa.Integer(), nullable=False),
        sa.Column("timeout", sa.Integer(), nullable=False),
        sa.Column("error", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("repository", "digest", "platform", name=op.f("pk_digest_snapshots")),
    )
    op.create_index(op.f("ix_digest_snapshots_checked_at"), "digest_snapshots", ["checked_at"], unique=False)
    op.create_index(op.f("ix_digest_snapshots_digest"), "digest_snapshots", ["digest"], unique=False)
    op.create_table(
        "retention_runs",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("ran_at", sa.String(27), nullable=False),
        sa.Column("deleted", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_retention_runs")),
    )
    op.create_table(
        "inference_tasks",
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("enqueued_at", sa.String(27), nullable=False),
        sa.Column("started_at", sa.String(27), nullable=True),
        sa.Column("updated_at", sa.String(27), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("repository", "digest", "platform", name=op.f("pk_inference_tasks")),
    )
    op.create_index(op.f("ix_inference_tasks_digest"), "inference_tasks", ["digest"], unique=False)
    op.create_table(
        "registry_spend",
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("hour", sa.String(27), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("host", "hour", name=op.f("pk_registry_spend")),
    )

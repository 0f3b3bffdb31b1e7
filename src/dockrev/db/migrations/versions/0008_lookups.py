"""Stores the whole lookup in its task. A lookup from an older task assumes the tag `latest`."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for name in ("raw_tags", "labels"):
        op.add_column("inference_tasks", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    op.add_column(
        "inference_tasks", sa.Column("runs", sa.Boolean(), nullable=False, server_default=sa.false())
    )

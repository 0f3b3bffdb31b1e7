"""Stores since when a tag names its digest. Existing digests get the time of the newest check."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("image_tags", sa.Column("digest_since", sa.String(length=27), nullable=True))
    op.execute("UPDATE image_tags SET digest_since = checked_at WHERE digest IS NOT NULL")

"""A backlog of the outbox is walked by its ids; dead letters of a re-created topic are kept beside the older ones."""

from __future__ import annotations

from alembic import op

revision = "backbone_0004"
down_revision = "backbone_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_outbox_bucket_id", "outbox", ["bucket", "id"], schema="backbone")
    op.drop_index("ix_dead_letters_place", table_name="dead_letters", schema="backbone")
    op.create_index(
        "ix_dead_letters_place",
        "dead_letters",
        ["topic", "partition", "offset", "hash"],
        unique=True,
        schema="backbone",
    )

"""Drop columns that nobody reads: when a read model was written is not part of what it says."""

from __future__ import annotations

from alembic import op

revision = "followup_0002"
down_revision = "followup_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("facilities", "heard_at")
    op.drop_column("journeys", "heard_at")

"""Where a consumer stands is marked by the message before it; a partition whose offset is gone says where it begins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "backbone_0003"
down_revision = "backbone_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("offsets", sa.Column("mark", sa.LargeBinary(), nullable=True), schema="backbone")
    op.add_column("lags", sa.Column("begins", sa.BigInteger(), nullable=True), schema="backbone")

"""Create events and journeys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "operations_0001"
down_revision = None
branch_labels = ("operations",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stream", sa.Uuid(), nullable=False),
        sa.Column("speaker", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("rules", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("trace", sa.String(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "speaker IN ('referral', 'scheduling', 'followup', 'directory')", name=op.f("ck_events_speaker")
        ),
        sa.CheckConstraint(
            "actor IN ('referrer', 'coordinator', 'clinician', 'scheduler', 'home_nurse', 'patient', 'operations',"
            " 'quality', 'integration', 'system')",
            name=op.f("ck_events_actor"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_place", "events", ["stream", "speaker", "seq"], unique=True)
    op.create_table(
        "journeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("setting", sa.String(), nullable=False),
        sa.Column("exit", sa.String(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "stage IN ('referred', 'assessment', 'conference', 'decision', 'trial', 'trial_review', 'treatment',"
            " 'reassessment', 'closed')",
            name=op.f("ck_journeys_stage"),
        ),
        sa.CheckConstraint("setting IN ('hospital', 'outpatient', 'home')", name=op.f("ck_journeys_setting")),
        sa.CheckConstraint(
            "exit IN ('completed', 'declined', 'withdrawn', 'deceased', 'transferred', 'expired', 'entered_in_error')",
            name=op.f("ck_journeys_exit"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journeys")),
    )
    op.create_index("ix_journeys_since_id", "journeys", ["since", "id"])


def downgrade() -> None:
    op.drop_table("journeys")
    op.drop_table("events")

"""Create observations, trials, check-ins and handovers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "followup_0001"
down_revision = None
branch_labels = ("followup",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "facilities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("capabilities", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("accepting", sa.Boolean(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('hospital', 'clinic', 'home_care')", name=op.f("ck_facilities_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facilities")),
        sa.UniqueConstraint("code", name=op.f("uq_facilities_code")),
    )
    op.create_table(
        "handovers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("returns_to", sa.String(), nullable=True),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("from_facility", sa.Uuid(), nullable=False),
        sa.Column("to_facility", sa.Uuid(), nullable=False),
        sa.Column("follows", sa.Uuid(), nullable=True),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("setting", sa.String(), nullable=True),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.CheckConstraint(
            "returns_to IN ('offered', 'accepted', 'refused', 'timed_out', 'active', 'returned', 'ended')",
            name=op.f("ck_handovers_returns_to"),
        ),
        sa.CheckConstraint("setting IN ('hospital', 'outpatient', 'home')", name=op.f("ck_handovers_setting")),
        sa.CheckConstraint(
            "state IN ('offered', 'accepted', 'refused', 'timed_out', 'active', 'returned', 'ended')",
            name=op.f("ck_handovers_state"),
        ),
        sa.ForeignKeyConstraint(["follows"], ["handovers.id"], name=op.f("fk_handovers_follows")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handovers")),
    )
    op.create_index("ix_handovers_journey", "handovers", ["journey"], unique=False)
    op.create_index(
        "ix_handovers_open",
        "handovers",
        ["journey"],
        unique=True,
        postgresql_where=sa.text("state IN ('offered', 'accepted', 'active')"),
    )
    op.create_index("ix_handovers_state", "handovers", ["state", "answer_by", "id"], unique=False)
    op.create_table(
        "journeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("from_facility", sa.Uuid(), nullable=False),
        sa.Column("to_facility", sa.Uuid(), nullable=False),
        sa.Column("closed_because", sa.String(), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journeys")),
    )
    op.create_table(
        "observations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("returns_to", sa.String(), nullable=True),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("modality", sa.String(), nullable=False),
        sa.Column("facility", sa.Uuid(), nullable=True),
        sa.Column("baseline_pain", sa.Integer(), nullable=True),
        sa.Column("personal_pain_goal", sa.Integer(), nullable=True),
        sa.Column("performed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("suggested", sa.String(), nullable=True),
        sa.Column("relief", sa.Float(), nullable=True),
        sa.CheckConstraint("baseline_pain BETWEEN 0 AND 10", name=op.f("ck_observations_baseline_pain")),
        sa.CheckConstraint("kind IN ('trial', 'treatment')", name=op.f("ck_observations_kind")),
        sa.CheckConstraint(
            "state IN ('expected', 'ended') OR performed_at IS NOT NULL", name=op.f("ck_observations_performed")
        ),
        sa.CheckConstraint("personal_pain_goal BETWEEN 0 AND 10", name=op.f("ck_observations_personal_pain_goal")),
        sa.CheckConstraint(
            "returns_to IN ('expected', 'watching', 'reassessment_due', 'ended')",
            name=op.f("ck_observations_returns_to"),
        ),
        sa.CheckConstraint(
            "state IN ('expected', 'watching', 'reassessment_due', 'ended')", name=op.f("ck_observations_state")
        ),
        sa.CheckConstraint(
            "suggested IN ('responder', 'partial', 'non_responder', 'no_data')", name=op.f("ck_observations_suggested")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observations")),
    )
    op.create_index("ix_observations_journey", "observations", ["journey"], unique=False)
    op.create_index("ix_observations_state", "observations", ["state", "id"], unique=False)
    op.create_table(
        "remarks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role IN ('referrer', 'coordinator', 'clinician', 'scheduler', 'home_nurse', 'patient', 'operations',"
            " 'quality', 'integration', 'system')",
            name=op.f("ck_remarks_role"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remarks")),
    )
    op.create_index("ix_remarks_journey", "remarks", ["journey"], unique=False)
    op.create_index("ix_remarks_subject", "remarks", ["subject", "at"], unique=False)
    op.create_table(
        "check_ins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("returns_to", sa.String(), nullable=True),
        sa.Column("course", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latest_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("average_pain", sa.Integer(), nullable=True),
        sa.Column("worst_pain", sa.Integer(), nullable=True),
        sa.Column("rescue_doses", sa.Integer(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.String(), nullable=True),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(state = 'completed') = (average_pain IS NOT NULL AND answered_at IS NOT NULL)",
            name=op.f("ck_check_ins_answered"),
        ),
        sa.CheckConstraint(
            "answered_by IN ('referrer', 'coordinator', 'clinician', 'scheduler', 'home_nurse', 'patient',"
            " 'operations', 'quality', 'integration', 'system')",
            name=op.f("ck_check_ins_answered_by"),
        ),
        sa.CheckConstraint("average_pain BETWEEN 0 AND 10", name=op.f("ck_check_ins_average_pain")),
        sa.CheckConstraint("rescue_doses >= 0", name=op.f("ck_check_ins_rescue_doses")),
        sa.CheckConstraint(
            "returns_to IN ('scheduled', 'due', 'completed', 'missed', 'lost', 'cancelled')",
            name=op.f("ck_check_ins_returns_to"),
        ),
        sa.CheckConstraint(
            "state IN ('scheduled', 'due', 'completed', 'missed', 'lost', 'cancelled')", name=op.f("ck_check_ins_state")
        ),
        sa.CheckConstraint("worst_pain BETWEEN 0 AND 10", name=op.f("ck_check_ins_worst_pain")),
        sa.ForeignKeyConstraint(["course"], ["observations.id"], name=op.f("fk_check_ins_course")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_ins")),
    )
    op.create_index("ix_check_ins_course", "check_ins", ["course", "due_at"], unique=True)
    op.create_index("ix_check_ins_journey", "check_ins", ["journey"], unique=False)
    op.create_index("ix_check_ins_state", "check_ins", ["state", "due_at", "id"], unique=False)
    op.create_table(
        "trials",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("returns_to", sa.String(), nullable=True),
        sa.Column("course", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suggested", sa.String(), nullable=True),
        sa.Column("relief", sa.Float(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state NOT IN ('running', 'awaiting_verdict') OR ends_at IS NOT NULL", name=op.f("ck_trials_ends")
        ),
        sa.CheckConstraint("(state = 'judged') = (verdict IS NOT NULL)", name=op.f("ck_trials_judged")),
        sa.CheckConstraint(
            "returns_to IN ('planned', 'running', 'awaiting_verdict', 'judged', 'abandoned')",
            name=op.f("ck_trials_returns_to"),
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'running', 'awaiting_verdict', 'judged', 'abandoned')", name=op.f("ck_trials_state")
        ),
        sa.CheckConstraint(
            "suggested IN ('responder', 'partial', 'non_responder', 'no_data')", name=op.f("ck_trials_suggested")
        ),
        sa.CheckConstraint(
            "verdict IN ('responder', 'partial', 'non_responder', 'no_data')", name=op.f("ck_trials_verdict")
        ),
        sa.ForeignKeyConstraint(["course"], ["observations.id"], name=op.f("fk_trials_course")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
        sa.UniqueConstraint("course", name=op.f("uq_trials_course")),
    )
    op.create_index("ix_trials_journey", "trials", ["journey"], unique=False)
    op.create_index("ix_trials_state", "trials", ["state", "id"], unique=False)


def downgrade() -> None:
    for table in ("remarks", "handovers", "check_ins", "trials", "observations", "journeys", "facilities"):
        op.drop_table(table)

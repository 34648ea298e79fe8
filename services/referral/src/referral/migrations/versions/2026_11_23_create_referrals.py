"""Create patients, referrals and courses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "referral_0001"
down_revision = None
branch_labels = ("referral",)
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
        "journeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("setting", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("exit", sa.String(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "exit IN ('completed', 'declined', 'withdrawn', 'deceased', 'transferred', 'expired', 'entered_in_error')",
            name=op.f("ck_journeys_exit"),
        ),
        sa.CheckConstraint("setting IN ('hospital', 'outpatient', 'home')", name=op.f("ck_journeys_setting")),
        sa.CheckConstraint(
            "stage IN ('referred', 'assessment', 'conference', 'decision', 'trial', 'trial_review', "
            "'treatment', 'reassessment', 'closed')",
            name=op.f("ck_journeys_stage"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journeys")),
    )
    op.create_table(
        "patients",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=True),
        sa.Column("given", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("born", sa.String(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("sex", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("phones", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("emails", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("addresses", postgresql.JSONB(), nullable=False),
        sa.Column("died", sa.Boolean(), nullable=False),
        sa.Column("died_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
        sa.UniqueConstraint("journey", name=op.f("uq_patients_journey")),
    )
    op.create_table(
        "patient_identifiers",
        sa.Column("patient", sa.Uuid(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_patient_identifiers_patient")),
        sa.PrimaryKeyConstraint("patient", "system", "value", name=op.f("pk_patient_identifiers")),
    )
    op.create_index("ix_patient_identifiers_value", "patient_identifiers", ["value", "system"], unique=False)
    op.create_table(
        "referrals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("returns_to", sa.String(), nullable=True),
        sa.Column("patient", sa.Uuid(), nullable=False),
        sa.Column("from_facility", sa.Uuid(), nullable=False),
        sa.Column("to_facility", sa.Uuid(), nullable=False),
        sa.Column("parent", sa.Uuid(), nullable=True),
        sa.Column("setting", sa.String(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("proposed_urgency", sa.String(), nullable=True),
        sa.Column("signs", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("urgency", sa.String(), nullable=True),
        sa.Column("clock_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancellation_by", sa.String(), nullable=True),
        sa.Column("asked_items", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=True),
        sa.CheckConstraint("cancellation_by IN ('sender', 'receiver')", name=op.f("ck_referrals_cancellation_by")),
        sa.CheckConstraint(
            "proposed_urgency IN ('emergency', 'urgent', 'soon', 'routine')", name=op.f("ck_referrals_proposed_urgency")
        ),
        sa.CheckConstraint(
            "returns_to IN ('draft', 'requested', 'received', 'accepted', 'active', 'awaiting_information', "
            "'on_hold', 'cancellation_requested', 'completed', 'declined', 'redirected', 'expired', "
            "'cancelled', 'entered_in_error')",
            name=op.f("ck_referrals_returns_to"),
        ),
        sa.CheckConstraint("setting IN ('hospital', 'outpatient', 'home')", name=op.f("ck_referrals_setting")),
        sa.CheckConstraint(
            "state IN ('draft', 'requested', 'received', 'accepted', 'active', 'awaiting_information', "
            "'on_hold', 'cancellation_requested', 'completed', 'declined', 'redirected', 'expired', "
            "'cancelled', 'entered_in_error')",
            name=op.f("ck_referrals_state"),
        ),
        sa.CheckConstraint("urgency IN ('emergency', 'urgent', 'soon', 'routine')", name=op.f("ck_referrals_urgency")),
        sa.ForeignKeyConstraint(["parent"], ["referrals.id"], name=op.f("fk_referrals_parent")),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_referrals_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referrals")),
    )
    op.create_index(
        "ix_referrals_bundle",
        "referrals",
        ["from_facility", "to_facility", "fingerprint"],
        unique=True,
        postgresql_where=sa.text(
            "fingerprint IS NOT NULL"
            " AND state NOT IN ('cancelled', 'completed', 'declined', 'entered_in_error', 'expired')"
        ),
    )
    op.create_index("ix_referrals_from_facility", "referrals", ["from_facility", "state"], unique=False)
    op.create_index(op.f("ix_referrals_journey"), "referrals", ["journey"], unique=False)
    op.create_index("ix_referrals_to_facility", "referrals", ["to_facility", "state"], unique=False)
    op.create_table(
        "assessments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("average_pain", sa.Integer(), nullable=True),
        sa.Column("worst_pain", sa.Integer(), nullable=True),
        sa.Column("personal_pain_goal", sa.Integer(), nullable=True),
        sa.Column("setting", sa.String(), nullable=False),
        sa.Column("goal", sa.String(), nullable=True),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("setting IN ('hospital', 'outpatient', 'home')", name=op.f("ck_assessments_setting")),
        sa.CheckConstraint("average_pain BETWEEN 0 AND 10", name=op.f("ck_assessments_average_pain")),
        sa.CheckConstraint("personal_pain_goal BETWEEN 0 AND 10", name=op.f("ck_assessments_personal_pain_goal")),
        sa.CheckConstraint("worst_pain BETWEEN 0 AND 10", name=op.f("ck_assessments_worst_pain")),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name=op.f("fk_assessments_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessments")),
    )
    op.create_index(op.f("ix_assessments_journey"), "assessments", ["journey"], unique=False)
    op.create_table(
        "attentions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("returns_to", sa.String(), nullable=True),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("facility", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("outcome_code", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('triage_overdue', 'assessment_overdue', 'information_overdue', 'possible_duplicate', "
            "'appointment_missed', 'appointment_fell_through', 'review_due', 'decision_due', "
            "'check_in_lost', 'handover_refused', 'handover_timed_out')",
            name=op.f("ck_attentions_kind"),
        ),
        sa.CheckConstraint("returns_to IN ('open', 'cleared', 'lapsed')", name=op.f("ck_attentions_returns_to")),
        sa.CheckConstraint("state IN ('open', 'cleared', 'lapsed')", name=op.f("ck_attentions_state")),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name=op.f("fk_attentions_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attentions")),
    )
    op.create_index(
        "ix_attentions_facility",
        "attentions",
        ["facility", "referral"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(op.f("ix_attentions_journey"), "attentions", ["journey"], unique=False)
    op.create_index(
        "ix_attentions_subject",
        "attentions",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "conferences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("attendance", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("options", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("recommended", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("dissent", sa.Boolean(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name=op.f("fk_conferences_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conferences")),
    )
    op.create_index(op.f("ix_conferences_journey"), "conferences", ["journey"], unique=False)
    op.create_table(
        "courses",
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
        sa.Column("follows", sa.Uuid(), nullable=True),
        sa.Column("setting", sa.String(), nullable=True),
        sa.Column("baseline_pain", sa.Integer(), nullable=True),
        sa.Column("personal_pain_goal", sa.Integer(), nullable=True),
        sa.Column("appointment", sa.Uuid(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("performed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suggested", sa.String(), nullable=True),
        sa.Column("relief", sa.Float(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.CheckConstraint("kind IN ('trial', 'treatment')", name=op.f("ck_courses_kind")),
        sa.CheckConstraint(
            "returns_to IN ('proposed', 'agreed', 'authorising', 'authorised', 'requested', 'booked', "
            "'performed', 'observing', 'judged', 'continued', 'repeated', 'escalated', 'stopped', "
            "'declined_by_patient', 'denied', 'abandoned')",
            name=op.f("ck_courses_returns_to"),
        ),
        sa.CheckConstraint("setting IN ('hospital', 'outpatient', 'home')", name=op.f("ck_courses_setting")),
        sa.CheckConstraint(
            "state IN ('proposed', 'agreed', 'authorising', 'authorised', 'requested', 'booked', "
            "'performed', 'observing', 'judged', 'continued', 'repeated', 'escalated', 'stopped', "
            "'declined_by_patient', 'denied', 'abandoned')",
            name=op.f("ck_courses_state"),
        ),
        sa.CheckConstraint(
            "suggested IN ('responder', 'partial', 'non_responder', 'no_data')", name=op.f("ck_courses_suggested")
        ),
        sa.CheckConstraint(
            "verdict IN ('responder', 'partial', 'non_responder', 'no_data')", name=op.f("ck_courses_verdict")
        ),
        sa.CheckConstraint("baseline_pain BETWEEN 0 AND 10", name=op.f("ck_courses_baseline_pain")),
        sa.CheckConstraint("personal_pain_goal BETWEEN 0 AND 10", name=op.f("ck_courses_personal_pain_goal")),
        sa.ForeignKeyConstraint(["follows"], ["courses.id"], name=op.f("fk_courses_follows")),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name=op.f("fk_courses_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_courses")),
    )
    op.create_index(op.f("ix_courses_journey"), "courses", ["journey"], unique=False)
    op.create_index("ix_courses_referral", "courses", ["referral"], unique=False)
    op.create_table(
        "facts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("system", sa.String(), nullable=True),
        sa.Column("display", sa.String(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("at", sa.String(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("current", sa.Boolean(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("extra", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('request', 'diagnosis', 'metastasis', 'stage', 'pain_score', 'pain_goal', 'opioid', "
            "'other_analgesic', 'anticoagulant', 'antiplatelet', 'anticancer', 'platelets', 'inr', "
            "'creatinine', 'egfr', 'ecog', 'kps', 'akps', 'prognosis', 'palliative_care', 'procedure', "
            "'allergy')",
            name=op.f("ck_facts_kind"),
        ),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name=op.f("fk_facts_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facts")),
    )
    op.create_index(op.f("ix_facts_journey"), "facts", ["journey"], unique=False)
    op.create_table(
        "not_understood",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("examples", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name=op.f("fk_not_understood_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_not_understood")),
    )
    op.create_index(op.f("ix_not_understood_journey"), "not_understood", ["journey"], unique=False)
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("course", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('referral', 'override', 'advice', 'question', 'answer', 'reason', 'assessment', "
            "'conference', 'dissent', 'decision', 'rationale', 'waiver', 'verdict', 'clearance', "
            "'closing_report')",
            name=op.f("ck_notes_kind"),
        ),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name=op.f("fk_notes_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    op.create_index(op.f("ix_notes_journey"), "notes", ["journey"], unique=False)
    op.create_table(
        "authorisations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("course", sa.Uuid(), nullable=False),
        sa.Column("payer", sa.String(), nullable=True),
        sa.Column("submission", sa.String(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("outcome IN ('pending', 'granted', 'denied')", name=op.f("ck_authorisations_outcome")),
        sa.ForeignKeyConstraint(["course"], ["courses.id"], name=op.f("fk_authorisations_course")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorisations")),
        sa.UniqueConstraint("course", name=op.f("uq_authorisations_course")),
    )
    op.create_index(op.f("ix_authorisations_journey"), "authorisations", ["journey"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("course", sa.Uuid(), nullable=False),
        sa.Column("goal", sa.String(), nullable=False),
        sa.Column("options_discussed", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("risks_discussed", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("leaflet", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("personal_pain_goal", sa.Integer(), nullable=True),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("personal_pain_goal BETWEEN 0 AND 10", name=op.f("ck_decisions_personal_pain_goal")),
        sa.ForeignKeyConstraint(["course"], ["courses.id"], name=op.f("fk_decisions_course")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("course", name=op.f("uq_decisions_course")),
    )
    op.create_index(op.f("ix_decisions_journey"), "decisions", ["journey"], unique=False)


def downgrade() -> None:
    op.drop_table("decisions")
    op.drop_table("authorisations")
    op.drop_table("notes")
    op.drop_table("not_understood")
    op.drop_table("facts")
    op.drop_table("courses")
    op.drop_table("conferences")
    op.drop_table("attentions")
    op.drop_table("assessments")
    op.drop_table("referrals")
    op.drop_table("patient_identifiers")
    op.drop_table("patients")
    op.drop_table("journeys")
    op.drop_table("facilities")

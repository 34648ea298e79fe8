"""The directory, appointments, what is reserved for them, and what was decided about drugs before them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "scheduling_0001"
down_revision = None
branch_labels = ("scheduling",)
depends_on = None

STATES = (
    "'requested', 'waitlisted', 'offered', 'booked', 'confirmed', 'arrived', 'in_progress', 'fulfilled', 'cancelled', "
    "'missed', 'rescheduled'"
)
OPEN = "'arrived', 'booked', 'confirmed', 'in_progress', 'offered', 'requested', 'waitlisted'"
HOLDING = "'arrived', 'booked', 'confirmed', 'in_progress', 'offered'"
ROLES = (
    "'referrer', 'coordinator', 'clinician', 'scheduler', 'home_nurse', 'patient', 'operations', 'quality', "
    "'integration', 'system'"
)


def moment(name: str, nullable: bool = True) -> sa.Column[object]:
    """A point in time."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def codes(name: str) -> sa.Column[object]:
    """A list of codes."""
    return sa.Column(name, postgresql.ARRAY(sa.Text()), nullable=False)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "facilities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at", nullable=False),
        moment("updated_at", nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        codes("capabilities"),
        sa.Column("accepting", sa.Boolean(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('hospital', 'clinic', 'home_care')", name=op.f("ck_facilities_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facilities")),
        sa.UniqueConstraint("code", name=op.f("uq_facilities_code")),
    )
    op.create_table(
        "resources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at", nullable=False),
        moment("updated_at", nullable=False),
        sa.Column("facility", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        codes("capabilities"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('room', 'clinician', 'device')", name=op.f("ck_resources_kind")),
        sa.ForeignKeyConstraint(["facility"], ["facilities.id"], name=op.f("fk_resources_facility")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resources")),
    )
    op.create_index("uq_resources_facility_code", "resources", ["facility", "code"], unique=True)
    op.create_table(
        "opening_hours",
        sa.Column("resource", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("opens", sa.Time(), nullable=False),
        sa.Column("closes", sa.Time(), nullable=False),
        sa.CheckConstraint("weekday BETWEEN 1 AND 7", name=op.f("ck_opening_hours_weekday")),
        sa.CheckConstraint("closes > opens OR closes = '00:00'", name=op.f("ck_opening_hours_closes")),
        sa.ForeignKeyConstraint(["resource"], ["resources.id"], name=op.f("fk_opening_hours_resource")),
        sa.PrimaryKeyConstraint("resource", "weekday", "opens", name=op.f("pk_opening_hours")),
    )
    op.create_table(
        "appointments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at", nullable=False),
        moment("updated_at", nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("returns_to", sa.String(), nullable=True),
        sa.Column("referral", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("course", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("modality", sa.String(), nullable=True),
        sa.Column("variant", sa.String(), nullable=True),
        sa.Column("facility", sa.Uuid(), nullable=False),
        sa.Column("urgency", sa.String(), nullable=False),
        sa.Column("setting", sa.String(), nullable=False),
        codes("antithrombotics"),
        moment("valid_until"),
        moment("see_by"),
        moment("starts_at"),
        moment("ends_at"),
        moment("answer_by"),
        sa.Column("replaces", sa.Uuid(), nullable=True),
        sa.Column("cancelled_by", sa.String(), nullable=True),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_appointments_state")),
        sa.CheckConstraint(f"returns_to IN ({STATES})", name=op.f("ck_appointments_returns_to")),
        sa.CheckConstraint(
            "purpose IN ('assessment', 'procedure', 'reassessment')", name=op.f("ck_appointments_purpose")
        ),
        sa.CheckConstraint("kind IN ('trial', 'treatment')", name=op.f("ck_appointments_kind")),
        sa.CheckConstraint(
            "urgency IN ('emergency', 'urgent', 'soon', 'routine')", name=op.f("ck_appointments_urgency")
        ),
        sa.CheckConstraint("setting IN ('hospital', 'outpatient', 'home')", name=op.f("ck_appointments_setting")),
        sa.CheckConstraint(f"cancelled_by IN ({ROLES})", name=op.f("ck_appointments_cancelled_by")),
        sa.CheckConstraint(
            "(purpose = 'procedure') = (course IS NOT NULL AND kind IS NOT NULL AND modality IS NOT NULL)",
            name=op.f("ck_appointments_procedure"),
        ),
        sa.CheckConstraint(
            "ends_at > starts_at AND (starts_at IS NULL) = (ends_at IS NULL)", name=op.f("ck_appointments_slot")
        ),
        sa.CheckConstraint(f"state NOT IN ({HOLDING}) OR starts_at IS NOT NULL", name=op.f("ck_appointments_holding")),
        sa.CheckConstraint("state <> 'offered' OR answer_by IS NOT NULL", name=op.f("ck_appointments_offered")),
        sa.ForeignKeyConstraint(["replaces"], ["appointments.id"], name=op.f("fk_appointments_replaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointments")),
        sa.UniqueConstraint("replaces", name=op.f("uq_appointments_replaces")),
    )
    op.create_index(op.f("ix_appointments_journey"), "appointments", ["journey"])
    op.create_index(op.f("ix_appointments_referral"), "appointments", ["referral"])
    op.create_index("ix_appointments_starts_at", "appointments", ["facility", "starts_at"])
    op.create_index(
        "ix_appointments_worklist",
        "appointments",
        ["facility", "state", sa.text("coalesce(see_by, created_at)"), "id"],
    )
    op.create_index(
        "uq_appointments_open_course",
        "appointments",
        ["course"],
        unique=True,
        postgresql_where=sa.text(f"course IS NOT NULL AND state IN ({OPEN})"),
    )
    op.create_index(
        "uq_appointments_open_assessment",
        "appointments",
        ["referral"],
        unique=True,
        postgresql_where=sa.text(f"purpose = 'assessment' AND state IN ({OPEN})"),
    )
    op.create_table(
        "allocations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("resource", sa.Uuid(), nullable=False),
        sa.Column("appointment", sa.Uuid(), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)",
            name=op.f("ck_allocations_during"),
        ),
        sa.ForeignKeyConstraint(["appointment"], ["appointments.id"], name=op.f("fk_allocations_appointment")),
        sa.ForeignKeyConstraint(["resource"], ["resources.id"], name=op.f("fk_allocations_resource")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocations")),
        postgresql.ExcludeConstraint(
            ("resource", "="),
            ("during", "&&"),
            where=sa.text("active"),
            using="gist",
            name="ex_allocations_resource_during",
        ),
    )
    op.create_index(op.f("ix_allocations_appointment"), "allocations", ["appointment"])
    op.create_table(
        "holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("appointment", sa.Uuid(), nullable=False),
        sa.Column("drug", sa.String(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        moment("last_dose_at"),
        moment("not_before"),
        sa.Column("form", sa.String(), nullable=True),
        sa.Column("renal_impairment", sa.Boolean(), nullable=True),
        codes("confirmed"),
        sa.Column("reason_code", sa.String(), nullable=True),
        moment("decided_at", nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.CheckConstraint("NOT held OR last_dose_at IS NOT NULL", name=op.f("ck_holds_held")),
        sa.ForeignKeyConstraint(["appointment"], ["appointments.id"], name=op.f("fk_holds_appointment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_appointment", "holds", ["appointment", "drug", "decided_at"])

"""Visits, marks and seats."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "visiting_0001"
down_revision = None
branch_labels = ("visiting",)
depends_on = None

STATES = "'planned', 'ready', 'paused', 'done', 'dropped'"


def upgrade() -> None:
    op.create_table(
        "visits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("returns_to", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("chairs", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_visits_state")),
        sa.CheckConstraint(f"returns_to IN ({STATES})", name=op.f("ck_visits_returns_to")),
        sa.CheckConstraint("chairs > 0", name=op.f("ck_visits_chairs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visits")),
    )
    op.create_index("ix_visits_journey", "visits", ["journey"])
    op.create_table(
        "marks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marks")),
    )
    op.create_index("ix_marks_journey", "marks", ["journey"])
    op.create_table(
        "seats",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("chair", sa.Integer(), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=False),
        postgresql.ExcludeConstraint(
            ("chair", "="), ("during", "&&"), name="ex_seats_chair", using="gist", where=sa.text("taken")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seats")),
    )

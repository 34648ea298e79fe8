"""The tables in which things are carried, and the one clock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from backbone.rows import XID8, PgSnapshot

revision = "backbone_0001"
down_revision = None
branch_labels = ("backbone",)
depends_on = None


CLOCK = """
CREATE FUNCTION reliefpath_now() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT clock_timestamp() + shift FROM backbone.clock $$
"""

KEEP_AUDIT = """
CREATE FUNCTION backbone.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$
"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS backbone")
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=True),
        sa.Column("journeys", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        schema="backbone",
    )
    op.create_index("ix_audit_journeys", "audit", ["journeys"], unique=False, schema="backbone", postgresql_using="gin")
    op.create_index("ix_audit_resource", "audit", ["resource", "resource_id"], unique=False, schema="backbone")
    op.create_table(
        "clock",
        sa.Column("one", sa.SmallInteger(), server_default=sa.text("1"), autoincrement=False, nullable=False),
        sa.Column("shift", sa.Interval(), server_default=sa.text("interval '0'"), nullable=False),
        sa.CheckConstraint("one = 1", name=op.f("ck_clock_single")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_clock")),
        schema="backbone",
    )
    op.create_table(
        "cursors",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("seen", PgSnapshot(), nullable=False),
        sa.Column("target", PgSnapshot(), nullable=True),
        sa.Column("sent", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_cursors")),
        schema="backbone",
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("status", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "set_aside_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('new', 'failed_again', 'resolved', 'discarded')", name=op.f("ck_dead_letters_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        schema="backbone",
    )
    op.create_index(
        "ix_dead_letters_place", "dead_letters", ["topic", "partition", "offset"], unique=True, schema="backbone"
    )
    op.create_table(
        "deadlines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.CheckConstraint("(done_at IS NULL) = (ended IS NULL OR ended = 'parked')", name=op.f("ck_deadlines_done")),
        sa.CheckConstraint("ended IN ('parked', 'fired', 'cancelled', 'discarded')", name=op.f("ck_deadlines_ended")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadlines")),
        schema="backbone",
    )
    op.create_index(
        "ix_deadlines_due",
        "deadlines",
        ["due_at"],
        unique=False,
        schema="backbone",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "ix_deadlines_journey",
        "deadlines",
        ["journey"],
        unique=False,
        schema="backbone",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "ix_deadlines_open",
        "deadlines",
        ["kind", "subject"],
        unique=True,
        schema="backbone",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "heard",
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("stream", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("speaker", "stream", name=op.f("pk_heard")),
        schema="backbone",
    )
    op.create_table(
        "held",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("stream", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (status NOT IN ('resolved', 'discarded'))", name=op.f("ck_held_ended")
        ),
        sa.CheckConstraint(
            "status IN ('missing', 'waiting', 'retrying', 'behind', 'parked', 'resolved', 'discarded')",
            name=op.f("ck_held_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held")),
        schema="backbone",
    )
    op.create_index(
        "ix_held_due",
        "held",
        ["next_try_at"],
        unique=False,
        schema="backbone",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_held_place",
        "held",
        ["speaker", "stream", "seq"],
        unique=True,
        schema="backbone",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "idempotency",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("kept_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("subject", "key", name=op.f("pk_idempotency")),
        schema="backbone",
    )
    op.create_index("ix_idempotency_kept_at", "idempotency", ["kept_at"], unique=False, schema="backbone")
    op.create_table(
        "journey_facilities",
        sa.Column("journey", sa.Uuid(), nullable=False),
        sa.Column("facility", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("journey", "facility", name=op.f("pk_journey_facilities")),
        schema="backbone",
    )
    op.create_index(
        "ix_journey_facilities_facility", "journey_facilities", ["facility"], unique=False, schema="backbone"
    )
    op.create_table(
        "lags",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("oldest_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "observed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("pk_lags")),
        schema="backbone",
    )
    op.create_table(
        "offsets",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("pk_offsets")),
        schema="backbone",
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("xid", XID8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("bucket", sa.SmallInteger(), nullable=False),
        sa.Column("event", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("stream", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        schema="backbone",
    )
    op.create_index("ix_outbox_bucket_xid", "outbox", ["bucket", "xid"], unique=False, schema="backbone")
    op.create_index("ix_outbox_stream_seq", "outbox", ["stream", "seq"], unique=True, schema="backbone")
    op.create_table(
        "streams",
        sa.Column("stream", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_streams")),
        schema="backbone",
    )
    op.execute("INSERT INTO backbone.clock DEFAULT VALUES")
    op.execute(CLOCK)
    op.execute(
        "INSERT INTO backbone.cursors (bucket, seen) SELECT n, pg_current_snapshot() FROM generate_series(0, 15) n"
    )
    op.execute(KEEP_AUDIT)
    op.execute(
        "CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON backbone.audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION backbone.refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER never_changed BEFORE UPDATE ON backbone.outbox"
        " FOR EACH STATEMENT EXECUTE FUNCTION backbone.refuse_change()"
    )

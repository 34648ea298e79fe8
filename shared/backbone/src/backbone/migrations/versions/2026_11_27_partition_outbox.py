"""The outbox in partitions by month, so that what is old can be dropped; streams know their topic."""

from __future__ import annotations

from alembic import op

revision = "backbone_0002"
down_revision = "backbone_0001"
branch_labels = None
depends_on = None


# What was said until now becomes the first partition as it stands: nothing is copied, ids and transaction ids stay.
STATEMENTS = (
    "ALTER TABLE backbone.outbox RENAME TO outbox_begun",
    "ALTER TABLE backbone.outbox_begun DROP CONSTRAINT pk_outbox, ALTER COLUMN id DROP IDENTITY",
    "ALTER INDEX backbone.ix_outbox_bucket_xid RENAME TO ix_outbox_begun_bucket_xid",
    "ALTER INDEX backbone.ix_outbox_stream_seq RENAME TO ix_outbox_begun_stream_seq",
    "DROP TRIGGER never_changed ON backbone.outbox_begun",
    """
    CREATE TABLE backbone.outbox (
        id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
        xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
        bucket smallint NOT NULL,
        event uuid NOT NULL,
        topic text NOT NULL,
        stream uuid NOT NULL,
        seq bigint NOT NULL,
        headers text NOT NULL,
        data bytea NOT NULL,
        recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_outbox PRIMARY KEY (id, recorded_at)
    ) PARTITION BY RANGE (recorded_at)
    """,
    "CREATE INDEX ix_outbox_bucket_xid ON backbone.outbox (bucket, xid)",
    """
    CREATE TRIGGER never_changed BEFORE UPDATE ON backbone.outbox
    FOR EACH ROW EXECUTE FUNCTION backbone.refuse_change()
    """,
    """
    DO $$ BEGIN
        EXECUTE format(
            'ALTER TABLE backbone.outbox ATTACH PARTITION backbone.outbox_begun FOR VALUES FROM (MINVALUE) TO (%L)',
            date_trunc('month', clock_timestamp(), 'UTC') + interval '1 month'
        );
    END $$
    """,
    """
    SELECT setval(pg_get_serial_sequence('backbone.outbox', 'id'), coalesce(max(id), 0) + 1, false)
    FROM backbone.outbox_begun
    """,
    "CREATE TABLE backbone.outbox_rest PARTITION OF backbone.outbox DEFAULT",
    "CREATE UNIQUE INDEX ix_outbox_rest_stream_seq ON backbone.outbox_rest (stream, seq)",
    "ALTER TABLE backbone.streams ADD COLUMN topic text",
    """
    UPDATE backbone.streams s SET topic = o.topic FROM backbone.outbox o WHERE o.stream = s.stream AND o.seq = s.seq
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

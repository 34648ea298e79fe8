"""The tables in which things are carried: the same in every service's database, in the schema `backbone`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from backbone.rows import NAMING, XID8, PgSnapshot

SCHEMA: Final = "backbone"
BUCKETS: Final = 16
"""Into so many buckets streams are dealt, so that several relays can share the work."""

CARRIAGE: Final = MetaData(schema=SCHEMA, naming_convention=NAMING)

NOW = text("clock_timestamp()")

clock = Table(
    "clock",
    CARRIAGE,
    Column("one", SmallInteger, primary_key=True, server_default=text("1"), autoincrement=False),
    Column("shift", Interval, nullable=False, server_default=text("interval '0'")),
    CheckConstraint("one = 1", name="single"),
)
"""How far this installation's clock is shifted. Always zero outside a development profile."""

streams = Table(
    "streams",
    CARRIAGE,
    Column("stream", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False, server_default=text("0")),
    Column("topic", Text),
)
"""One row per stream: its lock, the last `seq` this service has said in it, and on which topic."""

outbox = Table(
    "outbox",
    CARRIAGE,
    Column("id", BigInteger, Identity(always=True)),
    Column("xid", XID8, nullable=False, server_default=text("pg_current_xact_id()")),
    Column("bucket", SmallInteger, nullable=False),
    Column("event", Uuid, nullable=False),
    Column("topic", Text, nullable=False),
    Column("stream", Uuid, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("headers", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Index("ix_outbox_bucket_xid", "bucket", "xid"),
    Index("ix_outbox_bucket_id", "bucket", "id"),
    PrimaryKeyConstraint("id", "recorded_at"),
    postgresql_partition_by="RANGE (recorded_at)",
)
"""Events said. Rows are only ever inserted; the relay's cursor says what has been sent. Partitions: `retention`."""

cursors = Table(
    "cursors",
    CARRIAGE,
    Column("bucket", SmallInteger, primary_key=True, autoincrement=False),
    Column("seen", PgSnapshot, nullable=False),
    Column("target", PgSnapshot),
    Column("sent", BigInteger, nullable=False, server_default=text("0")),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
)
"""How far a bucket has been relayed: everything visible in `seen`, and of `target` the ids up to `sent`."""

heard = Table(
    "heard",
    CARRIAGE,
    Column("speaker", Text, primary_key=True),
    Column("stream", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
"""The last `seq` whose effect is in this database, per speaker and stream."""

offsets = Table(
    "offsets",
    CARRIAGE,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
    Column("mark", LargeBinary),
)
"""The next Kafka offset to read, moved in the transaction of the effects. `mark` is a digest of the message before it:
a topic that was re-created has another one there."""

lags = Table(
    "lags",
    CARRIAGE,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("oldest_at", DateTime(timezone=True)),
    Column("observed_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("begins", BigInteger),
)
"""How far a topic reached when its consumer last looked, and since when its oldest unread message has been waiting.
`begins` is set while the offset to go on from is gone: where the partition begins now."""

held = Table(
    "held",
    CARRIAGE,
    Column("id", Uuid, primary_key=True),
    Column("speaker", Text, nullable=False),
    Column("stream", Uuid, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("headers", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", DateTime(timezone=True)),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("held_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Text),
    Column("ended_because", Text),
    CheckConstraint(
        "status IN ('missing', 'waiting', 'retrying', 'behind', 'parked', 'resolved', 'discarded')", name="status"
    ),
    CheckConstraint("(ended_at IS NULL) = (status NOT IN ('resolved', 'discarded'))", name="ended"),
    Index("ix_held_place", "speaker", "stream", "seq", unique=True, postgresql_where=text("ended_at IS NULL")),
    Index("ix_held_due", "next_try_at", postgresql_where=text("ended_at IS NULL")),
)
"""Events that could not take effect yet. `missing`: an earlier one has not come; `waiting`: its reaction lacks an event
of another speaker; `retrying`: it failed and will be tried again; `parked`: it failed too often; `behind`: one of these
is before it."""

dead_letters = Table(
    "dead_letters",
    CARRIAGE,
    Column("id", Uuid, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("key", LargeBinary),
    Column("headers", JSONB, nullable=False),
    Column("data", LargeBinary),
    Column("status", Text, nullable=False, server_default=text("'new'")),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("set_aside_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Text),
    Column("ended_because", Text),
    CheckConstraint("status IN ('new', 'failed_again', 'resolved', 'discarded')", name="status"),
    Index("ix_dead_letters_place", "topic", "partition", "offset", "hash", unique=True),
)
"""Messages that cannot be told to belong to any stream. By their hash those of a re-created topic are told apart."""

deadlines = Table(
    "deadlines",
    CARRIAGE,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("journey", Uuid, nullable=False),
    Column("subject", Uuid, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("cause", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", DateTime(timezone=True)),
    Column("error", Text),
    Column("done_at", DateTime(timezone=True)),
    Column("ended", Text),
    Column("ended_by", Text),
    Column("ended_because", Text),
    CheckConstraint("ended IN ('parked', 'fired', 'cancelled', 'discarded')", name="ended"),
    CheckConstraint("(done_at IS NULL) = (ended IS NULL OR ended = 'parked')", name="done"),
    Index("ix_deadlines_open", "kind", "subject", unique=True, postgresql_where=text("done_at IS NULL")),
    Index("ix_deadlines_due", "due_at", postgresql_where=text("done_at IS NULL")),
    Index("ix_deadlines_journey", "journey", postgresql_where=text("done_at IS NULL")),
)
"""What is to happen at a time unless something else happens first. `parked`: it failed too often and is still open."""

idempotency = Table(
    "idempotency",
    CARRIAGE,
    Column("subject", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("status", SmallInteger),
    Column("headers", JSONB),
    Column("body", LargeBinary),
    Column("kept_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Index("ix_idempotency_kept_at", "kept_at"),
)
"""Answers given, by caller and key, kept for a day so that a repeated request gets the same one."""

audit = Table(
    "audit",
    CARRIAGE,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("resource_id", Uuid),
    Column("journeys", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("before", Text),
    Column("after", Text),
    Column("reason", Text),
    Column("cause", Text, nullable=False),
    Column("rules", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Index("ix_audit_journeys", "journeys", postgresql_using="gin"),
    Index("ix_audit_resource", "resource", "resource_id"),
)
"""Who did or read what, when, why, and under which rules. Only ever inserted."""

journey_facilities = Table(
    "journey_facilities",
    CARRIAGE,
    Column("journey", Uuid, primary_key=True),
    Column("facility", Uuid, primary_key=True),
    Index("ix_journey_facilities_facility", "facility"),
)
"""Which facilities may see a journey."""

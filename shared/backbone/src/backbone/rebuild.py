"""Read models built anew from the topics, and compared row by row with those in use.

python -m backbone.rebuild operations --into postgresql://…/empty    build, compare, exit 1 when a row differs

The service goes on meanwhile: what it had heard and said, and its rows, are taken in one snapshot, and the rebuild
takes effect of just that much. Nothing of the service's own database is changed. A service's card names its read
models; the database to build in must be empty and stays, to look into.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backbone.database import Database, is_transient
from backbone.hearing import Hearer, Reaction
from backbone.inbox import Stream, last_heard
from backbone.kafka.topics import replay
from backbone.messages import Incoming, KafkaAway
from backbone.migrate import upgrade
from backbone.service import SERVICES, Service, card_of
from backbone.settings import Settings, read_settings
from reliefpath.envelope import Actor, Heard, Unattributable, read_attributes
from reliefpath.events import Event, Speaker, topic_of
from reliefpath.vocabulary import Role

BATCH: Final = 500
MOST_SHOWN: Final = 20
DISCARDED: Final = b"reliefpath.rebuild.Discarded.v1"
"""A type that no catalogue holds: such a message takes its place in its stream and has no effect."""

Rows = Mapping[str, str]
"""A digest of each row of a table, by its primary key."""


@dataclass(frozen=True)
class Present:
    """What a service had heard and said at one moment, and the rows of its read models then.

    What a person discarded was heard and had no effect, and is to have none in a rebuild.
    """

    seqs: Mapping[Stream, int]
    discarded: Set[tuple[Stream, int]]
    tables: Mapping[str, Rows]


@dataclass
class Comparison:
    """A table in use and the same table rebuilt, by primary key."""

    table: str
    rows: int
    differing: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """In use, but not rebuilt."""
    more: list[str] = field(default_factory=list)
    """Rebuilt, but not in use."""

    @property
    def identical(self) -> bool:
        """Whether every row is there and the same."""
        return not (self.differing or self.missing or self.more)

    def __str__(self) -> str:
        told = [f"{self.table}: {self.rows} rows, {'identical' if self.identical else 'NOT identical'}"]
        for what, keys in (("differs", self.differing), ("not rebuilt", self.missing), ("not in use", self.more)):
            told += [f"  {what}: {key}" for key in keys[:MOST_SHOWN]]
            told += [f"  … and {len(keys) - MOST_SHOWN} more"] if len(keys) > MOST_SHOWN else []
        return "\n".join(told)


@dataclass(frozen=True)
class Rebuilt:
    """What came of a rebuild: each table, and the streams of which an event is not in its topic any more or fails."""

    tables: list[Comparison]
    lacking: list[str]

    @property
    def identical(self) -> bool:
        """Whether everything came out as it is in use."""
        return not self.lacking and all(one.identical for one in self.tables)


def compare(table: str, in_use: Rows, rebuilt: Rows) -> Comparison:
    """What differs between a table in use and the same table rebuilt."""
    return Comparison(
        table,
        len(in_use),
        differing=sorted(key for key in in_use.keys() & rebuilt.keys() if in_use[key] != rebuilt[key]),
        missing=sorted(in_use.keys() - rebuilt.keys()),
        more=sorted(rebuilt.keys() - in_use.keys()),
    )


def reactions_of(service: Service) -> dict[type[Event], Reaction]:
    """What rebuilds a service's read models: for each event every reaction that any of them names, once."""
    named: dict[type[Event], list[Reaction]] = {}
    for reactions in service.read_models.values():
        for event, reaction in reactions.items():
            wanted = named.setdefault(event, [])
            if reaction not in wanted:
                wanted.append(reaction)
    return {event: _in_turn(wanted) for event, wanted in named.items()}


def _in_turn(reactions: Sequence[Reaction]) -> Reaction:
    async def react(uow: Any, heard: Heard) -> None:
        for reaction in reactions:
            await reaction(uow, heard)

    return react


async def rebuild(service: Service, live: Database, target: Database, servers: str, patience: float) -> Rebuilt:
    """Rebuild a service's read models in `target`, whose tables are there and empty, and compare. Raises KafkaAway."""
    reactions = reactions_of(service)
    speakers = sorted({event.speaker for event in reactions})
    present = await look(live, service, speakers)
    hearer = Hearer(service.name, reactions, tries=1)
    topics = [topic_of(speaker) for speaker in speakers]
    async for messages in replay(servers, topics, BATCH, patience):
        wanted = [one for message in messages if (one := _as_it_was(message, present)) is not None]
        async with target.unit_of_work(actor=Actor(Role.SYSTEM, service.name), cause="rebuild") as uow:
            await hearer.hear(uow, wanted, carefully=True)
    async with target.engine.connect() as connection:
        tables = {table: await _digests(connection, table) for table in service.read_models}
    compared = [compare(table, present.tables[table], tables[table]) for table in service.read_models]
    return Rebuilt(compared, await _lacking(present, target))


async def _lacking(present: Present, target: Database) -> list[str]:
    async with target.unit_of_work(actor=Actor(Role.SYSTEM, "rebuild"), cause="rebuild") as uow:
        there = await last_heard(uow, set(present.seqs))
    short = sorted((one for one, seq in present.seqs.items() if there[one] < seq), key=str)
    return [f"{one.speaker} {one.id}: seq {there[one]} of {present.seqs[one]} could be told again" for one in short]


async def look(live: Database, service: Service, speakers: Sequence[Speaker]) -> Present:
    """What the service had heard, and said itself, of these speakers; and its read models; all of one moment."""
    async with live.engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        heard = await connection.execute(text("SELECT speaker, stream, seq FROM backbone.heard"))
        seqs = {Stream(speaker, stream): seq for speaker, stream, seq in heard.all() if Speaker(speaker) in speakers}
        topics = {topic_of(speaker): speaker for speaker in speakers if speaker in service.says}
        said = await connection.execute(text("SELECT topic, stream, seq FROM backbone.streams WHERE seq > 0"))
        seqs |= {Stream(topics[topic], stream): seq for topic, stream, seq in said.all() if topic in topics}
        ended = await connection.execute(
            text("SELECT speaker, stream, seq FROM backbone.held WHERE status = 'discarded'")
        )
        discarded = {(Stream(speaker, stream), seq) for speaker, stream, seq in ended.all()}
        return Present(seqs, discarded, {table: await _digests(connection, table) for table in service.read_models})


async def _digests(connection: AsyncConnection, table: str) -> Rows:
    found = await connection.execute(text(f"SELECT id::text, md5(to_jsonb(t)::text) FROM public.{table} t"))  # noqa: S608 - a card's word
    return {str(key): str(digest) for key, digest in found.all()}


def _as_it_was(message: Incoming, present: Present) -> Incoming | None:
    """The message as it counted then: not at all, in its place without an effect, or with one."""
    try:
        said = read_attributes(message.topic, message.key, message.headers)
    except Unattributable:
        return None
    stream = Stream(said.speaker, said.stream)
    if said.seq > present.seqs.get(stream, 0):
        return None
    if (stream, said.seq) not in present.discarded:
        return message
    return replace(message, headers=[(name, DISCARDED if name == "ce_type" else of) for name, of in message.headers])


async def is_empty(database: Database) -> bool:
    """Whether nothing is in a database yet."""
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    async with database.engine.connect() as connection:
        return bool((await connection.execute(text(tables))).scalar_one() == 0)


async def _into(service: Service, address: str, settings: Settings) -> int:
    live, target = Database(settings.database_of(service.name)), Database(address)
    try:
        rebuilt = await rebuild(service, live, target, settings.kafka, settings.kafka_timeout)
        sys.stdout.writelines(f"{service.name}.{one}\n" for one in [*rebuilt.tables, *rebuilt.lacking])
        return 0 if rebuilt.identical else 1
    finally:
        await live.close()
        await target.close()


async def _refuse_full(address: str) -> None:
    target = Database(address)
    try:
        if not await is_empty(target):
            raise LookupError("The database to build in is not empty. Name one that is: nothing is ever overwritten.")
    finally:
        await target.close()


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, rebuild, say what differs."""
    parser = argparse.ArgumentParser(prog="python -m backbone.rebuild", description=__doc__)
    parser.add_argument("service", choices=SERVICES)
    parser.add_argument("--into", required=True, metavar="ADDRESS", help="an empty PostgreSQL database")
    given: Any = parser.parse_args(arguments)
    try:
        settings = read_settings()
        settings.require("kafka", f"database_{given.service}")
        asyncio.run(_refuse_full(given.into))
        upgrade(given.service, given.into)
        return asyncio.run(_into(card_of(given.service), given.into, settings))
    except LookupError as error:
        sys.stderr.write(f"{error.args[0]}\n")
    except KafkaAway as away:
        sys.stderr.write(f"Kafka in RELIEFPATH_KAFKA does not do what is asked: {away}\n")
    except Exception as error:
        if not is_transient(error):
            raise
        sys.stderr.write(f"A database does not answer ({type(error).__name__}).\n")
    return 2


if __name__ == "__main__":
    raise SystemExit(main())

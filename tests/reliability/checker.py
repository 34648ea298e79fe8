"""Says whether every promise holds, knowing nothing of what was done to the installation.

python -m tests.reliability.checker installation.json    a line for each broken promise; ends with 1 when there is one

The file names the databases, Kafka, and what people were told. The checker reads rows and topics; it asks no service.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer

SPEAKERS: Final = {
    "referral": ("referral",),
    "scheduling": ("scheduling", "directory"),
    "followup": ("followup",),
}
HEARS: Final = {
    "referral": ("scheduling", "followup", "directory"),
    "scheduling": ("referral", "followup"),
    "followup": ("referral", "directory"),
    "operations": ("referral", "scheduling", "followup", "directory"),
}
STATES: Final = {"create": "draft", "send": "requested", "receive": "received", "accept": "accepted"}
ORDER: Final = tuple(STATES.values())
LOCK_SPACE, BUCKETS = 0x52504C59, 16
"""How relays lock the buckets that they own, and how many there are: as the database shows it, not as code says."""

QUIET: Final = 120.0
"""Seconds within which everything said must have taken effect."""


@dataclass(frozen=True)
class Place:
    """What the checker is given: addresses, what people were told, and how many messages of no stream were put in."""

    databases: Mapping[str, str]
    kafka: str
    visits: Sequence[Mapping[str, Any]]
    strays: int = 0


class Checker:
    """Reads everything once it is quiet, and compares."""

    def __init__(self, place: Place, quiet: float = QUIET) -> None:
        self._place, self._quiet = place, quiet
        self._connections: dict[str, asyncpg.Connection[Any]] = {}
        self.broken: list[str] = []

    async def check(self) -> list[str]:
        """Every promise that does not hold, as a sentence with its number."""
        self._connections = {
            service: await asyncpg.connect(address, timeout=10) for service, address in self._place.databases.items()
        }
        try:
            await self._wait_until_quiet()
            await self._answers_were_true()
            topics = await self._topics()
            for service, speakers in SPEAKERS.items():
                await self._said_once_in_order(service, speakers, topics)
            await self._heard_by_all(topics)
            await self._one_effect()
            await self._nothing_booked_twice()
            await self._audited()
            await self._nothing_left_open()
        finally:
            for connection in self._connections.values():
                await connection.close()
        return self.broken

    async def _all(self, service: str, query: str, *given: Any) -> list[Any]:
        return list(await self._connections[service].fetch(query, *given))

    def _require(self, holds: bool, sentence: str) -> None:
        if not holds:
            self.broken.append(sentence)

    async def _wait_until_quiet(self) -> None:
        """I9: outbox empty, lag zero."""
        deadline = time.monotonic() + self._quiet
        while (left := await self._unheard()) and time.monotonic() < deadline:
            await asyncio.sleep(0.25)
        self._require(not left, f"I9 after {self._quiet:.0f} s not everything is heard: {left}")

    async def _unheard(self) -> dict[str, int]:
        left = {}
        heard: dict[str, dict[tuple[str, UUID], int]] = {}
        for service in HEARS:
            rows = await self._all(service, "SELECT speaker, stream, seq FROM backbone.heard")
            heard[service] = {(row["speaker"], row["stream"]): row["seq"] for row in rows}
            if held := await self._all(service, "SELECT id FROM backbone.held WHERE ended_at IS NULL"):
                left[f"{service} holds events back"] = len(held)
        for service in SPEAKERS:
            rows = await self._all(service, "SELECT topic, stream, seq FROM backbone.streams WHERE seq > 0")
            for hearer, speakers in HEARS.items():
                behind = sum(
                    1
                    for row in rows
                    if (speaker := row["topic"].partition(".")[2]) in speakers
                    and heard[hearer].get((speaker, row["stream"]), 0) != row["seq"]
                )
                if behind:
                    left[f"{hearer} lacks streams of {service}"] = behind
        return left

    async def _answers_were_true(self) -> None:
        """I1: what was acknowledged is there, what was never answered is there wholly or not at all."""
        failures = sum(visit.get("failures", 0) for visit in self._place.visits)
        self._require(not failures, f"I1 {failures} requests were answered 500")
        unknown = [visit["unknown"] for visit in self._place.visits if visit["unknown"]]
        self._require(not unknown, f"I1 {len(unknown)} requests were never answered: {unknown[:3]}")
        rows = await self._all(
            "referral",
            "SELECT p.value, r.id, r.state FROM referrals r JOIN patient_identifiers p ON p.patient = r.patient",
        )
        found: dict[str, list[Any]] = defaultdict(list)
        for row in rows:
            found[row["value"]].append(row)
        for visit in self._place.visits:
            there, done, unknown = found[visit["identifier"]], visit["done"], visit["unknown"]
            self._require(not visit["refused"], f"I1 somebody was refused what is allowed: {visit['refused']}")
            if not done:
                self._require(len(there) <= 1, f"I1 a referral was made {len(there)} times: {visit}")
                continue
            self._require(len(there) == 1, f"I1 an acknowledged referral is there {len(there)} times: {visit}")
            if len(there) == 1:
                may_be = {STATES[done[-1]], *([STATES[unknown]] if unknown in STATES else [])}
                self._require(there[0]["state"] in may_be, f"I1 {visit} is {there[0]['state']}")

    async def _topics(self) -> dict[str, dict[UUID, list[tuple[int, str]]]]:
        """What the topics hold: by speaker and stream, each event's `seq` and id at its first place."""
        names = [f"reliefpath.{speaker}" for speakers in SPEAKERS.values() for speaker in speakers]
        consumer = AIOKafkaConsumer(*names, bootstrap_servers=self._place.kafka, auto_offset_reset="earliest")
        topics: dict[str, dict[UUID, list[tuple[int, str]]]] = {name.partition(".")[2]: {} for name in names}
        seen: set[str] = set()
        async with asyncio.timeout(60):
            await consumer.start()
            try:
                left = dict(await consumer.end_offsets(list(consumer.assignment())))
                while left:
                    for messages in (await consumer.getmany(timeout_ms=300)).values():
                        for message in messages:
                            self._note(message, topics, seen)
                    left = {place: end for place, end in left.items() if await consumer.position(place) < end}
            finally:
                await consumer.stop()
        return topics

    def _note(self, message: Any, topics: dict[str, dict[UUID, list[tuple[int, str]]]], seen: set[str]) -> None:
        headers = dict(message.headers)
        try:
            stream, event = UUID(headers["ce_subject"].decode()), headers["ce_id"].decode()
            seq = int(headers["ce_seq"])
        except (KeyError, ValueError):
            return  # of no stream: counted among the dead letters
        if event not in seen:
            seen.add(event)
            topics[message.topic.partition(".")[2]].setdefault(stream, []).append((seq, event))

    async def _said_once_in_order(self, service: str, speakers: Sequence[str], topics: Mapping[str, Any]) -> None:
        """I2: in each stream 1…n without a gap, the same in outbox and topic, each first time in order."""
        rows = await self._all(service, "SELECT topic, stream, seq, event FROM backbone.outbox ORDER BY stream, seq")
        said: dict[tuple[str, UUID], list[tuple[int, str]]] = defaultdict(list)
        for row in rows:
            said[row["topic"].partition(".")[2], row["stream"]].append((row["seq"], str(row["event"])))
        for (speaker, stream), events in said.items():
            self._require(
                [seq for seq, _ in events] == list(range(1, len(events) + 1)), f"I2 {speaker} {stream} has a gap"
            )
            there = topics[speaker].get(stream, [])
            ours = [one for one in there if one in set(events)]
            self._require(ours == events, f"I2 {speaker} {stream}: said {len(events)}, in the topic in order {ours}")
        cursors = await self._all(
            service,
            "SELECT count(*) AS unsent FROM backbone.outbox o JOIN backbone.cursors c USING (bucket)"
            " WHERE NOT pg_visible_in_snapshot(o.xid, c.seen)",
        )
        self._require(cursors[0]["unsent"] == 0, f"I9 {cursors[0]['unsent']} events of {service} are not sent")

    async def _heard_by_all(self, topics: Mapping[str, Any]) -> None:
        """I2, I5: what operations wrote down is what was said, no more and no less; strays are dead letters."""
        rows = await self._all("operations", "SELECT speaker, stream, seq, id FROM events")
        written = {(row["speaker"], row["stream"], row["seq"]): str(row["id"]) for row in rows}
        for service, speakers in SPEAKERS.items():
            said = await self._all(service, "SELECT topic, stream, seq, event FROM backbone.outbox")
            for row in said:
                speaker = row["topic"].partition(".")[2]
                if speaker in speakers and speaker != "directory":
                    there = written.get((speaker, row["stream"], row["seq"]))
                    self._require(
                        there == str(row["event"]), f"I2 operations lacks {speaker} {row['stream']} {row['seq']}"
                    )
        for service in HEARS:
            letters = await self._all(service, "SELECT count(*) AS n FROM backbone.dead_letters")
            self._require(letters[0]["n"] <= self._place.strays, f"I5 {service} has {letters[0]['n']} dead letters")
        operations = await self._all("operations", "SELECT count(*) AS n FROM backbone.dead_letters")
        self._require(
            operations[0]["n"] == self._place.strays, f"I5 of {self._place.strays} strays {operations[0]['n']}"
        )

    async def _one_effect(self) -> None:
        """I3: one acceptance, one assessment asked for, whatever was delivered how often."""
        accepted = {
            row["id"] for row in await self._all("referral", "SELECT id FROM referrals WHERE state = 'accepted'")
        }
        rows = await self._all("scheduling", "SELECT referral, count(*) AS n FROM appointments GROUP BY referral")
        asked = {row["referral"]: row["n"] for row in rows}
        twice = {referral for referral, count in asked.items() if count > 1}
        self._require(not twice, f"I3 {len(twice)} acceptances had more than one effect")
        self._require(set(asked) == accepted, f"I3 {len(accepted - set(asked))} acceptances had none")
        known = {row["id"] for row in await self._all("followup", "SELECT id FROM journeys")}
        sent = await self._all("referral", "SELECT DISTINCT journey FROM referrals WHERE state <> 'draft'")
        self._require(known == {row["journey"] for row in sent}, "I3 follow-up knows other journeys than were sent")

    async def _nothing_booked_twice(self) -> None:
        """I4, by a sweep of its own."""
        overlapping = await self._all(
            "scheduling",
            "SELECT count(*) AS n FROM allocations a JOIN allocations b ON a.id < b.id AND a.resource = b.resource"
            " AND a.during && b.during AND a.active AND b.active",
        )
        self._require(overlapping[0]["n"] == 0, f"I4 {overlapping[0]['n']} resources are booked twice")
        booked = [visit["booked"] for visit in self._place.visits if visit.get("booked")]
        held = await self._all(
            "scheduling", "SELECT DISTINCT appointment FROM allocations WHERE active AND appointment = ANY($1)", booked
        )
        lost = len(booked) - len(held)
        self._require(not lost, f"I4 {lost} of {len(booked)} bookings that were acknowledged hold nothing")

    async def _audited(self) -> None:
        """I7: as many audit rows of a referral as it had changes."""
        rows = await self._all(
            "referral",
            "SELECT r.id, r.version, count(a.id) AS n FROM referrals r LEFT JOIN backbone.audit a"
            " ON a.resource_id = r.id AND a.resource = 'referral' AND a.after IS NOT NULL GROUP BY r.id, r.version",
        )
        wrong = [row for row in rows if row["n"] != row["version"]]
        self._require(not wrong, f"I7 {len(wrong)} referrals have other audit rows than changes, such as {wrong[:1]}")

    async def _nothing_left_open(self) -> None:
        """I8, I9: no deadline overdue, no transaction idle, no lock left, nothing prepared."""
        for service in HEARS:
            overdue = await self._all(
                service,
                "SELECT count(*) AS n FROM backbone.deadlines WHERE done_at IS NULL"
                " AND due_at < reliefpath_now() - interval '30 seconds'",
            )
            self._require(overdue[0]["n"] == 0, f"I8 {overdue[0]['n']} deadlines of {service} are overdue")
            idle = await self._all(
                service,
                "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
                " AND state LIKE 'idle in transaction%' AND state_change < now() - interval '5 seconds'",
            )
            self._require(idle[0]["n"] == 0, f"I9 {idle[0]['n']} transactions of {service} stand open")
            prepared = await self._all(service, "SELECT count(*) AS n FROM pg_prepared_xacts")
            self._require(prepared[0]["n"] == 0, f"I9 {prepared[0]['n']} transactions are prepared")
        for service in SPEAKERS:
            self._require(await self._all_buckets_owned(service), f"I9 not every bucket of {service} has an owner")

    async def _all_buckets_owned(self, service: str) -> bool:
        """Whether some relay holds each bucket; who has just begun takes its share within seconds."""
        for _ in range(40):
            owned = await self._all(
                service,
                "SELECT DISTINCT objid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted"
                " AND classid::bigint = $1 AND database = (SELECT oid FROM pg_database"
                " WHERE datname = current_database())",
                LOCK_SPACE,
            )
            if len(owned) == BUCKETS:
                return True
            await asyncio.sleep(0.25)
        return False


async def check(place: Place, quiet: float = QUIET) -> list[str]:
    """Every promise that is broken."""
    return await Checker(place, quiet).check()


def main() -> int:
    """Read the file that is named, check, say what is broken."""
    place = Place(**json.loads(Path(sys.argv[1]).read_text()))
    broken = asyncio.run(check(place))
    sys.stdout.writelines(f"{sentence}\n" for sentence in broken or ["every promise holds"])
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())

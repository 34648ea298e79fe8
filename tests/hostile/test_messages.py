"""Whatever is on a topic, a consumer goes on: it has its effect, waits, is parked or is set aside, and can be shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backbone import inbox
from backbone.carriage import dead_letters, held
from backbone.database import Database
from backbone.hearing import Hearer
from backbone.messages import Incoming
from backbone.service import SERVICES, card_of
from reliefpath.envelope import Actor, encode_data, encode_headers
from reliefpath.events import topic_of
from reliefpath.vocabulary import Role
from tests.hostile.oddities import RAW, as_json, spoilt
from tests.support.sayings import any_event, attributes_of

OUTCOMES: Final = {"effect", "duplicate", "dead_letter", *inbox.Status}
ODD_HEADERS: Final = (
    *(
        b"",
        b"\x00",
        b"\xff",
        b"-1",
        b"1",
        b"2",
        b"9" * 18,
        b"9" * 30,
        b"x" * 9000,
        b"null",
        b"\xe2\x80\xae\xef\xbf\xbe",
    ),
    *(b"reliefpath.referral.ReferralReceived.v1", b"reliefpath.referral.ReferralReceived.v999", b"a.b.v\xc2\xb2"),
    *(b"/reliefpath/directory", b"system:\xe2\x80\xae"),
    *(b"2026-11-27T09:00:00+00:00", b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00Z"),
    *(b"00000000-0000-0000-0000-000000000000", b"urn:uuid:00000000-0000-0000-0000-000000000000"),
)


@st.composite
def messages(draw: st.DrawFn) -> Incoming:
    """A message that was an event before somebody spoilt its data, its headers, its key or its time."""
    event = draw(any_event())
    attributes = draw(attributes_of(event))
    whole = json.loads(encode_data(event))
    seq = draw(st.sampled_from([1, 1, 1, 2, 7, 2**63 - 1]))
    headers = [(name, str(seq).encode() if name == "ce_seq" else value) for name, value in encode_headers(attributes)]
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([name for name, _ in headers] + ["", "\u202e", "x" * 300]))
        odd = (name, draw(st.sampled_from(ODD_HEADERS)))
        headers = draw(
            st.sampled_from([[*(one for one in headers if one[0] != name), odd], [odd, *headers], headers[::-1]])
        )
    key = str(attributes.stream).encode()
    return Incoming(
        topic_of(event.speaker),
        draw(st.sampled_from([0, 2**31 - 1])),
        draw(st.integers(0, 2**63 - 1)),
        draw(st.sampled_from([key, key, key, None, b"", b"\x00\xff"])),
        draw(st.just(encode_data(event)) | spoilt(whole).map(as_json) | st.sampled_from([None, *RAW.values()])),
        tuple(headers),
        draw(st.sampled_from([0, -1, 2**63 - 1, 1_790_000_000_000])),
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_foreign_event_never_stops_a_consumer(database: Callable[[str], str], service: str) -> None:
    heard: dict[str, int] = {}
    with asyncio.Runner() as runner:
        opened = Database(database(service), connections=2)

        @seed(20261128)
        @settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(messages(), min_size=1, max_size=5))
        def hears(batch: list[Incoming]) -> None:
            for kind, count in runner.run(_hear(service, opened, batch)).items():
                heard[kind] = heard.get(kind, 0) + count

        try:
            hears()
            shown = runner.run(_look_at_all(service, opened))
        finally:
            runner.run(opened.close())
    assert heard.keys() <= OUTCOMES
    assert {"effect", "dead_letter", "parked"} <= {kind for kind, count in heard.items() if count}
    assert shown > 0


async def _hear(service: str, database: Database, batch: list[Incoming]) -> dict[str, int]:
    """Hear a batch as a consumer does after it failed once; everything in it is accounted for."""
    hearer = Hearer(service, card_of(service).reactions, tries=2)
    async with database.unit_of_work(actor=Actor(Role.SYSTEM, service), cause="consumer") as uow:
        outcomes = await hearer.hear(uow, batch, carefully=True)
    assert outcomes.total() >= len(batch)
    return dict(outcomes)


async def _look_at_all(service: str, database: Database) -> int:
    """Try all that is held again, and read all that was set aside, as an operator would; how many there were."""
    hearer = Hearer(service, card_of(service).reactions, tries=2)
    async with database.unit_of_work(actor=Actor(Role.SYSTEM, service), cause="held") as uow:
        found: Any = await uow.session.execute(
            select(held.c.speaker, held.c.stream).where(held.c.ended_at.is_(None)).distinct()
        )
        streams = [inbox.Stream(row.speaker, row.stream) for row in found]
        letters = (await uow.session.execute(select(dead_letters))).all()
    for stream in streams:
        async with database.unit_of_work(actor=Actor(Role.SYSTEM, service), cause="held") as uow:
            await hearer.try_held(uow, stream, by="operations:1")
    for letter in letters:
        assert inbox.quoted(inbox.unquoted(letter.headers)) == letter.headers
    return len(streams) + len(letters)

"""Dead letters: where they lay, never what they hold, and what becomes of them when they are read again."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backbone import inbox
from backbone.rows import new_id
from tests.backbone.streams.ear import BECAUSE, TOPIC, Ear
from tests.support.visiting.world import marks, unit, value


async def test_a_dead_letter_tells_where_it_lay_and_never_what_it_holds(ear: Ear) -> None:
    letter = await ear.letter()
    shown = await ear.served.get(f"/streams/dead-letters/{letter['id']}")
    assert shown.json() == letter
    assert "secret" not in shown.text
    assert (letter["status"], letter["bytes"], letter["topic"]) == ("new", 6, TOPIC)
    assert await value(ear.db, "SELECT count(*) FROM backbone.audit WHERE resource = 'dead letter'") == 1


async def test_a_dead_letter_that_still_cannot_be_read_stays_open(ear: Ear) -> None:
    letter = await ear.letter()
    answer = await ear.served.post(f"/streams/dead-letters/{letter['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()["status"], answer.json()["ended_at"]) == (200, "failed_again", None)
    (still,) = (await ear.served.get("/streams/dead-letters")).json()["items"]
    assert still["id"] == letter["id"]
    assert [one["id"] for one in (await ear.served.get("/streams/dead-letters", status="failed_again")).json()["items"]]


async def _readable_by_now(ear: Ear) -> tuple[UUID, dict[str, Any]]:
    """A dead letter that this program can read by now: its content is put right behind the API's back."""
    stream, letter = new_id(), await ear.letter()
    message = ear.say(stream)
    async with unit(ear.db) as uow:
        await uow.session.execute(
            text("UPDATE backbone.dead_letters SET key = :key, data = :data, headers = CAST(:headers AS jsonb)"),
            {"key": message.key, "data": message.value, "headers": json.dumps(inbox.quoted(message.headers))},
        )
    return stream, letter


async def test_a_dead_letter_that_can_be_read_by_now_has_its_effect(ear: Ear) -> None:
    ear.failing = False
    stream, letter = await _readable_by_now(ear)
    answer = await ear.served.post(f"/streams/dead-letters/{letter['id']}/retry", BECAUSE)
    assert (answer.status_code, answer.json()["status"]) == (200, "resolved")
    assert await marks(ear.db, stream) == [1]


async def test_a_dead_letter_whose_reaction_fails_is_held_where_somebody_sees_it(
    ear: Ear,
) -> None:
    stream, letter = await _readable_by_now(ear)
    assert (await ear.served.post(f"/streams/dead-letters/{letter['id']}/retry", BECAUSE)).json()[
        "status"
    ] == "resolved"
    (held,) = (await ear.served.get("/streams/held")).json()["items"]
    assert (held["stream"], held["status"]) == (str(stream), "parked")


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_a_dead_letter_that_has_ended_stays_ended(ear: Ear, action: str) -> None:
    letter = await ear.letter()
    await ear.served.post(f"/streams/dead-letters/{letter['id']}/discard", BECAUSE)
    answer = await ear.served.post(f"/streams/dead-letters/{letter['id']}/{action}", BECAUSE)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "already-ended")


async def test_a_dead_letter_is_ended_by_one_operator_alone(ear: Ear) -> None:
    letter = await ear.letter()
    path = f"/streams/dead-letters/{letter['id']}/discard"
    answers = await asyncio.gather(*[ear.served.post(path, BECAUSE) for _ in range(4)])
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    assert await value(ear.db, "SELECT count(*) FROM backbone.audit WHERE action = 'discard'") == 1

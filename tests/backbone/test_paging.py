"""Pages: none skips a row or shows it twice, also while rows come and go; a forged cursor is refused."""

from __future__ import annotations

import base64
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from backbone import problems
from backbone.database import Database
from backbone.paging import MOST, CursorText, Limit, Page, decode_cursor, encode_cursor, keyset, page_of
from backbone.problems import Invalid
from backbone.rows import new_id
from tests.support.visiting.tables import Mark
from tests.support.visiting.world import unit

KINDS = [int, UUID]


async def page(db: Database, cursor: str | None, limit: int) -> tuple[list[Mark], str | None]:
    columns = [Mark.seq, Mark.id]
    async with unit(db) as uow:
        statement = keyset(select(Mark), columns, KINDS, cursor, limit)  # type: ignore[arg-type]  # columns, not values
        found = list((await uow.session.execute(statement)).scalars())
    more = len(found) > limit
    return found[:limit], encode_cursor([found[limit - 1].seq, found[limit - 1].id]) if more else None


async def add(db: Database, *seqs: int) -> None:
    async with unit(db) as uow:
        uow.session.add_all([Mark(journey=new_id(), seq=seq) for seq in seqs])


@pytest.mark.parametrize("limit", [1, 2, 7, 30, 31, 200])
async def test_the_pages_together_are_the_list(db: Database, limit: int) -> None:
    await add(db, *(number // 3 for number in range(31)))  # three rows of each value: only the id tells them apart
    seen: list[UUID] = []
    cursor: str | None = None
    while True:
        rows, cursor = await page(db, cursor, limit)
        assert 0 < len(rows) <= limit
        seen += [row.id for row in rows]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 31


async def test_rows_that_come_and_go_meanwhile_change_nothing_for_the_others(db: Database) -> None:
    await add(db, *range(0, 200, 2))
    chance, seen = random.Random(3), []
    cursor: str | None = None
    while True:
        rows, cursor = await page(db, cursor, 9)
        seen += [row.seq for row in rows]
        if cursor is None:
            break
        await add(db, chance.randrange(1, 400, 2), chance.randrange(1, 400, 2))
        async with unit(db) as uow:
            await uow.session.execute(text("DELETE FROM marks WHERE seq = :s"), {"s": chance.choice(seen)})
    even = [seq for seq in seen if seq % 2 == 0]
    assert even == list(range(0, 200, 2))
    assert seen == sorted(seen)


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.uuids(), st.integers(-(2**63) + 1, 2**63 - 1), st.text(st.characters(exclude_categories=["C", "Z"])),
)  # fmt: skip
def test_a_cursor_comes_back_as_it_was_given_out(moment: datetime, id: UUID, number: int, word: str) -> None:
    values = [moment, id, number, word]
    assert decode_cursor(encode_cursor(values), [datetime, UUID, int, str]) == values


def forged(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


FORGED: dict[str, tuple[str, list[type]]] = {
    "no base64": ("§§§", KINDS),
    "no JSON": (base64.urlsafe_b64encode(b"{").decode(), KINDS),
    "no list": (base64.urlsafe_b64encode(b"{}").decode(), KINDS),
    "too few": (forged(1), KINDS),
    "too many": (forged(1, str(new_id()), 2), KINDS),
    "a word for a number": (forged("1", str(new_id())), KINDS),
    "true for a number": (forged(True, str(new_id())), KINDS),
    "a number no database holds": (forged(2**70, str(new_id())), KINDS),
    "no id": (forged(1, "Anna"), KINDS),
    "null": (forged(None, None), KINDS),
    "a time without its offset": (forged("2026-11-23T12:00:00"), [datetime]),
    "a time before all times": (forged("0001-01-01T00:00:00+23:59"), [datetime]),
    "no time": (forged("soon"), [datetime]),
    "a zero byte": (forged("a\x00b"), [str]),
    "half a character": (forged("\ud800"), [str]),
    "too deep": (base64.urlsafe_b64encode(b"[" * 100_000).decode(), KINDS),
}


@pytest.mark.parametrize(("cursor", "kinds"), FORGED.values(), ids=FORGED)
def test_a_cursor_that_was_not_given_out_here_is_refused(cursor: str, kinds: list[type]) -> None:
    with pytest.raises(Invalid) as refused:
        decode_cursor(cursor, kinds)
    assert [reason.pointer for reason in refused.value.reasons] == ["/cursor"]


@given(st.text(max_size=60))
def test_whatever_comes_as_a_cursor_is_read_or_refused(cursor: str) -> None:
    try:
        decode_cursor(cursor, KINDS)
    except Invalid:
        return


def app_of(count: int) -> FastAPI:
    app = FastAPI(telemetry=None)
    problems.install(app)

    @app.get("/numbers")
    async def numbers(request: Request, response: Response, cursor: CursorText = None, limit: Limit = 50) -> Page[int]:
        first = decode_cursor(cursor, [int])[0] + 1 if cursor else 0
        items = list(range(first, count))[: limit + 1]
        return page_of(request, response, items, [[item] for item in items], limit)

    return app


async def get(app: FastAPI, address: str) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://visiting") as client:
        return await client.get(address)


async def test_the_next_page_is_at_the_link_and_the_last_has_none() -> None:
    app, address, seen = app_of(7), "/numbers?limit=3&colour=red", []
    while True:
        answer = await get(app, address)
        seen += answer.json()["items"]
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json().get("next") is None)
        if link is None:
            break
        address, _, kind = link[1:].partition(">")
        assert kind == '; rel="next"'
        assert "colour=red" in address
    assert seen == list(range(7))


@pytest.mark.parametrize("limit", [0, MOST + 1, "all"])
async def test_no_page_is_larger_than_the_largest_nor_empty_by_wish(limit: Annotated[Any, None]) -> None:
    assert (await get(app_of(3), f"/numbers?limit={limit}")).status_code == 422


async def test_a_forged_cursor_is_a_problem_of_the_request() -> None:
    answer = await get(app_of(3), f"/numbers?cursor={forged('x')}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "cursor")


async def test_a_page_of_exactly_the_limit_has_no_next() -> None:
    answer = await get(app_of(3), "/numbers?limit=3")
    assert (answer.json()["items"], answer.json().get("next")) == ([0, 1, 2], None)


def test_a_day_later_is_greater_in_a_cursor_too() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    (earlier,), (later,) = (decode_cursor(encode_cursor([at]), [datetime]) for at in (now, now + timedelta(days=1)))
    assert earlier < later

"""Lists are walked by the cursor of each page, with what they were narrowed to, and no further than wanted."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from reliefpath_client import Operations, Referral, every, pages
from reliefpath_client.paging import LARGEST_PAGE


class Book:
    """A list of so many items, given out in pages as large as asked for."""

    def __init__(self, items: int) -> None:
        self.items, self.asked = items, list[dict[str, str]]()

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """The page that is asked for."""
        self.asked.append(dict(request.url.params))
        begin = int(request.url.params.get("cursor", "0"))
        end = min(begin + int(request.url.params["limit"]), self.items)
        page: dict[str, Any] = {"items": [{"id": str(one)} for one in range(begin, end)], "silent": []}
        return httpx2.Response(200, json=page | ({"next": str(end)} if end < self.items else {}))

    @property
    def referral(self) -> Referral:
        """The API that has it."""
        return Referral("http://api", "token", transport=httpx2.MockTransport(self.answer))


async def test_every_item_is_read_to_the_last_page() -> None:
    book = Book(LARGEST_PAGE * 2 + 1)
    found = [one["id"] async for one in every(book.referral.referrals, state=["requested"])]
    assert found == [str(number) for number in range(LARGEST_PAGE * 2 + 1)]
    assert [one.get("cursor") for one in book.asked] == [None, "200", "400"]
    assert {one["state"] for one in book.asked} == {"requested"}


@pytest.mark.parametrize(("most", "sizes"), [(450, [200, 200, 50]), (1, [1]), (0, [])])
async def test_pages_end_when_enough_was_seen(most: int, sizes: list[int]) -> None:
    book = Book(1000)
    found = [page async for page in pages(most, book.referral.referrals)]
    assert [len(page["items"]) for page in found] == sizes
    assert [int(one["limit"]) for one in book.asked] == sizes


async def test_a_page_keeps_what_it_has_besides_items() -> None:
    api = Operations("http://api", "token", transport=httpx2.MockTransport(Book(1).answer))
    assert [page["silent"] async for page in pages(10, api.parked)] == [[]]


async def test_a_list_within_something_is_given_its_place() -> None:
    book = Book(1)

    async def within(id: str, *, cursor: str | None = None, limit: int | None = None) -> Any:
        assert id == "f"
        return await book.referral.referrals(cursor=cursor, limit=limit)

    assert [one["id"] async for one in every(within, "f")] == ["0"]

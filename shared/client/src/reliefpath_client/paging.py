"""Lists that come in pages: walked by the cursor that each page names."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Generic, NotRequired, ParamSpec, TypedDict, TypeVar, cast

LARGEST_PAGE: Final = 200
"""Most items that a page may be asked for."""

Item = TypeVar("Item")
Asked = ParamSpec("Asked")


class Page(TypedDict, Generic[Item]):
    """What all pages have in common: items, and the cursor of the page behind it, if there is one."""

    items: list[Item]
    next: NotRequired[str | None]


AnyPage = TypeVar("AnyPage", bound=Page[Any])


async def pages(
    most: int, ask: Callable[Asked, Awaitable[AnyPage]], *place: Asked.args, **narrowed: Asked.kwargs
) -> AsyncIterator[AnyPage]:
    """The pages of a list, one after the other, until `most` items have been seen. Raises Refusal, Unreachable.

    `ask` is the list's method, and what follows is given to it: `pages(50, client.referrals, state=["requested"])`.
    """
    seen, cursor = 0, None
    while seen < most:
        asked = {**narrowed, "cursor": cursor, "limit": min(most - seen, LARGEST_PAGE)}
        page: AnyPage = await cast("Any", ask)(*place, **asked)
        yield page
        seen += len(page["items"])
        cursor = page.get("next")
        if not cursor:
            return


async def every(
    ask: Callable[Asked, Awaitable[Page[Item]]], *place: Asked.args, **narrowed: Asked.kwargs
) -> AsyncIterator[Item]:
    """Every item of a list, page after page: `every(client.referrals, state=["requested"])`.

    Raises Refusal, Unreachable.
    """
    async for page in pages(sys.maxsize, ask, *place, **narrowed):
        for item in page["items"]:
            yield item

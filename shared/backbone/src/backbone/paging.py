"""Lists in pages: an opaque cursor over the order of the list, so that no page skips or repeats a row."""

from __future__ import annotations

import base64
import binascii
import inspect
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, tuple_

from backbone.problems import Invalid, Reason

MOST: Final = 200
MOST_NUMBER: Final = 2**63 - 1

CursorText = Annotated[str | None, Query(alias="cursor", max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Most items of the page.")]


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a list; `next` is the cursor of the following one, absent on the last."""

    items: list[T]
    next: str | None = None

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.__doc__ = inspect.getdoc(cls)  # a page of something would say nothing of itself in the contracts


def encode_cursor(values: Sequence[Any]) -> str:
    """The place after a row, by its values in the order of the list."""
    plain = [
        value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
        for value in values
    ]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def decode_cursor(text: str, kinds: Sequence[type], *, pointer: str = "/cursor") -> list[Any]:
    """Read a cursor back. Raises Invalid when it is not one of ours; `pointer` says where it was sent."""
    try:
        plain = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(plain, list) or len(plain) != len(kinds):
            raise ValueError
        return [_read(kind, value) for kind, value in zip(kinds, plain, strict=True)]
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        raise not_ours(pointer) from None


def not_ours(pointer: str) -> Invalid:
    """The refusal of a cursor that nobody here has given out."""
    reason = Reason(code="cursor", message="The cursor is not one that was given out here.", pointer=pointer)
    return Invalid("The cursor cannot be read.", [reason])


def _read(kind: type, value: Any) -> Any:
    """A value that a database would take; what else a forged cursor holds is a ValueError."""
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    if kind is UUID:
        return UUID(value)
    if type(value) is not kind:
        raise ValueError
    if isinstance(value, int) and abs(value) > MOST_NUMBER:
        raise ValueError
    if isinstance(value, str) and ("\x00" in value or not value.isprintable()):
        raise ValueError
    return value


def keyset(
    statement: Select[Any], columns: Sequence[ColumnElement[Any]], kinds: Sequence[type], cursor: str | None, limit: int
) -> Select[Any]:
    """The statement for one page, in ascending order of the columns; it asks for one row more than the page holds."""
    if cursor is not None:
        statement = statement.where(tuple_(*columns) > tuple_(*decode_cursor(cursor, kinds)))
    return statement.order_by(*columns).limit(limit + 1)


def page_of(
    request: Request, response: Response, items: list[T], places: Sequence[Sequence[Any]], limit: int
) -> Page[T]:
    """The page of up to `limit` items, with a Link header to the next. `places` are the items' values of the order."""
    if len(items) <= limit:
        return Page(items=items)
    cursor = encode_cursor(places[limit - 1])
    response.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'
    return Page(items=items[:limit], next=cursor)

"""What the services hold back: events that are parked or wait, messages of no stream, and parked deadlines.

Each is asked of the service that holds it and mended there, in the operator's name, with the operator's reason and key.
Nothing of it is kept here, so there is nothing here that could be out of date.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from backbone.paging import Page
from backbone.problems import Invalid, NotFound, Reason, Unavailable
from backbone.service import SERVICES
from backbone.streams import dead_letters, deadlines, held, path_of
from operations.peers import Answer, Asker, Peers, Silence, not_understood, refused, unsure
from operations.schemas import DeadLetter, Deadline, Gathered, Parked, ParkedDetail, Silent

S = TypeVar("S", bound=BaseModel)
D = TypeVar("D", bound=BaseModel)

RETRY: Final = "retry"
DISCARD: Final = "discard"
NOT_FOUND: Final = 404


Route = Callable[..., Any]


@dataclass(frozen=True)
class Shelf(Generic[S, D]):
    """One kind of thing that services hold back: what it looks like with the service's name, and their own routes.

    These list such things, show one, and mend it, by the action.
    """

    resource: str
    shown: type[S]
    detail: type[D]
    lists: Route
    shows: Route
    mends: Mapping[str, Route]


PARKED: Final = Shelf(
    "held event",
    Parked,
    ParkedDetail,
    held.list_held,
    held.show_held,
    {RETRY: held.retry_held, DISCARD: held.discard_held},
)
DEAD_LETTERS: Final = Shelf(
    "dead letter",
    DeadLetter,
    DeadLetter,
    dead_letters.list_dead_letters,
    dead_letters.show_dead_letter,
    {RETRY: dead_letters.retry_dead_letter, DISCARD: dead_letters.discard_dead_letter},
)
DEADLINES: Final = Shelf(
    "deadline",
    Deadline,
    Deadline,
    deadlines.list_deadlines,
    deadlines.show_deadline,
    {RETRY: deadlines.retry_deadline, DISCARD: deadlines.discard_parked_deadline},
)


async def gather(
    peers: Peers,
    asker: Asker,
    shelf: Shelf[S, D],
    *,
    service: Sequence[str] | None,
    status: Sequence[str] | None,
    cursor: str | None,
    limit: int,
) -> Gathered[S]:
    """What lies on this shelf of every service, or of those named: up to `limit` of each, the oldest first.

    A service that does not answer, or refuses to, is named in the answer. Its part of the list stays to be asked for.
    """
    places = read_cursor(cursor) if cursor else dict.fromkeys(service or SERVICES)
    query = {
        one: {
            "limit": limit,
            **({"cursor": place} if place else {}),
            **({"status": list(status)} if status else {}),
        }
        for one, place in places.items()
    }
    answers, silences = await peers.ask_all(path_of(shelf.lists), asker, places, query)
    items: list[S] = []
    following: dict[str, str | None] = {}
    silent = [Silent(service=one.service, because=one.because) for one in silences]
    for answer in answers:
        try:
            page = _page(answer, shelf)
        except Silence as silence:
            silent.append(Silent(service=silence.service, because=silence.because))
            continue
        items += page.items
        if page.next:
            following[answer.service] = page.next
    items.sort(key=_age)
    return Gathered(items=items, next=write_cursor(following) if following else None, silent=silent)


async def find(peers: Peers, asker: Asker, shelf: Shelf[S, D], id: UUID, service: str | None) -> D:
    """One thing on this shelf, in whichever service it is. Raises NotFound, or Unavailable when a service is silent."""
    return (await _holder(peers, asker, shelf, id, service))[1]


async def mend(
    peers: Peers, asker: Asker, shelf: Shelf[S, D], id: UUID, service: str | None, action: str, *, key: str, body: bytes
) -> D | Answer:
    """Retry or discard one thing where it is: what has become of it, or the holder's refusal as it came.

    Raises NotFound, or Unavailable when a service that may hold it is silent.
    """
    holder = service or (await _holder(peers, asker, shelf, id, None))[0]
    path = path_of(shelf.mends[action], id=id)
    with unsure():
        answer = await peers.tell(holder, path, asker, key=key, body=body)
        return answer if answer.problem else _named(answer, answer.body, shelf.detail)


def write_cursor(places: dict[str, str | None]) -> str:
    """Where each service's list goes on, as one cursor."""
    return base64.urlsafe_b64encode(json.dumps(places, sort_keys=True).encode()).decode().rstrip("=")


def read_cursor(text: str) -> dict[str, str | None]:
    """Read a cursor back. Raises Invalid when it is not one of ours."""
    try:
        places = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        places = None
    if not isinstance(places, dict) or not places.keys() <= set(SERVICES):
        reason = Reason(code="cursor", message="The cursor is not one that was given out here.", pointer="/cursor")
        raise Invalid("The cursor cannot be read.", [reason])
    return {service: str(place) if place else None for service, place in places.items()}


async def _holder(peers: Peers, asker: Asker, shelf: Shelf[S, D], id: UUID, service: str | None) -> tuple[str, D]:
    path = path_of(shelf.shows, id=id)
    answers, silences = await peers.ask_all(path, asker, [service] if service else SERVICES)
    for answer in answers:
        try:
            if not answer.problem:
                return answer.service, _named(answer, answer.body, shelf.detail)
            if answer.status != NOT_FOUND:
                silences.append(refused(answer))
        except Silence as silence:
            silences.append(silence)
    if silences:
        names = " and ".join(f"{one.service} {one.because}" for one in silences)
        raise Unavailable(f"It is in none of the services that answered, but {names}.")
    raise NotFound(shelf.resource)


def _page(answer: Answer, shelf: Shelf[S, D]) -> Page[S]:
    if answer.problem:
        raise refused(answer)
    try:
        page = Page[dict[str, Any]].model_validate(answer.body)
    except ValidationError:
        raise not_understood(answer) from None
    return Page(items=[_named(answer, item, shelf.shown) for item in page.items], next=page.next)


def _named(answer: Answer, item: Any, cls: type[S]) -> S:
    try:
        return cls.model_validate({**item, "service": answer.service})
    except (ValidationError, TypeError):
        raise not_understood(answer) from None


def _age(item: BaseModel) -> Any:
    return next(getattr(item, name) for name in ("held_at", "set_aside_at", "due_at") if hasattr(item, name))

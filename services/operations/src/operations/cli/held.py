"""`reliefpath parked`, `dead-letters` and `deadlines`: what could not take effect, why, and what to do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from operations.cli.api import operations, run
from operations.cli.display import Json, age, coloured, event_name, plain, show, table, tell, time_of, warn
from operations.cli.failure import FOUND, USAGE, Commands, Failure, Refused
from reliefpath_client import Operations, Refusal, pages


class Service(StrEnum):
    """A service that may hold something back."""

    REFERRAL = "referral"
    SCHEDULING = "scheduling"
    FOLLOWUP = "followup"
    OPERATIONS = "operations"


@dataclass(frozen=True)
class Shelf:
    """One kind of thing that is held back: how the API lists, shows and mends it, and how a line of it looks."""

    list: Callable[..., Awaitable[Any]]
    show: Callable[..., Awaitable[Any]]
    mend: Mapping[str, Callable[..., Awaitable[Any]]]
    resource: str
    help: str
    problems: frozenset[str]
    columns: Sequence[str]
    row: Callable[[Mapping[str, Any]], Sequence[Any]]


PARKED: Final = Shelf(
    Operations.parked,
    Operations.parked_one,
    {"retry": Operations.held_event_retry, "discard": Operations.held_event_discard},
    "event",
    "Events that could not take effect yet: parked ones need a hand, others wait or are tried again by themselves.",
    frozenset({"parked", "missing"}),
    ["id", "service", "status", "stream", "event", "seq>", "tries>", "for>", "why"],
    lambda one: (
        one.get("id"),
        one.get("service"),
        coloured(one.get("status")),
        one.get("stream"),
        event_name(one.get("type")),
        one.get("seq"),
        one.get("attempts"),
        age(one.get("held_at")),
        one.get("reason"),
    ),
)
DEAD_LETTERS: Final = Shelf(
    Operations.dead_letters,
    Operations.dead_letter,
    {"retry": Operations.dead_letter_retry, "discard": Operations.dead_letter_discard},
    "dead letter",
    "Messages that belong to no stream, so that nobody could hear them.",
    frozenset({"new", "failed_again"}),
    ["id", "service", "status", "topic", "partition>", "offset>", "bytes>", "for>", "why"],
    lambda one: (
        one.get("id"),
        one.get("service"),
        coloured(one.get("status")),
        one.get("topic"),
        one.get("partition"),
        one.get("offset"),
        one.get("bytes"),
        age(one.get("set_aside_at")),
        one.get("reason"),
    ),
)
DEADLINES: Final = Shelf(
    Operations.deadlines,
    Operations.deadline,
    {"retry": Operations.deadline_retry, "discard": Operations.deadline_discard},
    "deadline",
    "Deadlines whose time came but whose handler failed too often: nothing tries them again by itself.",
    frozenset({"parked"}),
    ["id", "service", "status", "journey", "kind", "due", "tries>", "why"],
    lambda one: (
        one.get("id"),
        one.get("service"),
        coloured(one.get("status")),
        one.get("journey"),
        one.get("kind"),
        time_of(one.get("due_at")),
        one.get("attempts"),
        one.get("reason"),
    ),
)
SET_ANEW: Final = "open"
"""A deadline that was retried and is open again: its handler has set it anew."""

Ids = Annotated[list[UUID], typer.Argument(help="Ids, as `list` shows them.")]
Because = Annotated[str, typer.Option("--reason", help="Why; written into the audit of the service that holds it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def commands(shelf: Shelf) -> typer.Typer:
    """list, show, retry and discard for one shelf."""
    group = typer.Typer(cls=Commands, help=shelf.help, no_args_is_help=True)

    @group.command("list", help=f"Every {shelf.resource} held back, oldest first. Ends with 1 when one needs a hand.")
    def list_them(
        service: Annotated[list[Service] | None, typer.Option(help="Only of this service; repeat for more.")] = None,
        status: Annotated[list[str] | None, typer.Option(help="Only with this status; repeat for more.")] = None,
        limit: Annotated[int, typer.Option(min=1, help="Most shown.")] = 100,
        as_json: Json = False,
    ) -> None:
        _list(shelf, service, status, limit, as_json)

    @group.command("show", help=f"One {shelf.resource} in full.")
    def show_one(id: Annotated[UUID, typer.Argument(help="Its id.")], as_json: Json = False) -> None:
        [found] = run(_find(shelf, [id]))
        if as_json:
            tell(found)
        else:
            show(table(["", ""], [(name, _value(name, value)) for name, value in found.items() if value is not None]))

    @group.command("retry", help=f"Try each {shelf.resource} again where it is held.")
    def retry(ids: Ids, reason: Because, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False) -> None:
        _mend(shelf, "retry", ids, reason, dry_run, yes, as_json)

    @group.command("discard", help=f"Be done with each {shelf.resource}: it will have no effect.")
    def discard(ids: Ids, reason: Because, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False) -> None:
        _mend(shelf, "discard", ids, reason, dry_run, yes, as_json)

    return group


def _list(
    shelf: Shelf, service: Sequence[Service] | None, status: Sequence[str] | None, limit: int, as_json: bool
) -> None:
    listed = run(_pages(shelf, limit, service, status))
    found = [item for page in listed for item in page.get("items") or ()]
    if as_json:
        for one in found:
            tell(one)
    elif found:
        show(table(shelf.columns, [shelf.row(one) for one in found]))
    else:
        show(plain(f"No {shelf.resource} is held back by a service that answered.", "green"))
    silent = {str(one.get("service")): one.get("because") for page in listed for one in page.get("silent") or ()}
    for name, because in silent.items():
        warn(f"{name} {because}")
    if listed and listed[-1].get("next"):
        warn(f"There are more than {len(found)}: ask for them with --limit.")
    if silent or any(one.get("status") in shelf.problems for one in found):
        raise typer.Exit(FOUND)


def _mend(shelf: Shelf, action: str, ids: Sequence[UUID], reason: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    if len(reason.strip()) < 3:
        raise Failure("--reason wants a few words.", USAGE)
    found = run(_find(shelf, ids))
    if dry_run or not yes:
        if not as_json:
            show(table(shelf.columns, [shelf.row(one) for one in found]))
        if dry_run:
            warn(f"Would {action} {_many(found, shelf)}; nothing was done.")
            return
        _confirm(f"{action.capitalize()} {_many(found, shelf)}?")
    if not run(_mend_all(shelf, action, found, reason, as_json)):
        raise typer.Exit(FOUND)


async def _pages(
    shelf: Shelf, limit: int, service: Sequence[Service] | None, status: Sequence[str] | None
) -> list[Mapping[str, Any]]:
    async with operations() as api:
        return [page async for page in pages(limit, partial(shelf.list, api), service=service, status=status)]


async def _find(shelf: Shelf, ids: Sequence[UUID]) -> list[Mapping[str, Any]]:
    async with operations() as api:
        return [await shelf.show(api, str(one)) for one in dict.fromkeys(ids)]


async def _mend_all(shelf: Shelf, action: str, found: Sequence[Mapping[str, Any]], reason: str, as_json: bool) -> bool:
    """Do it to each, and whether none of them is held back any longer."""
    async with operations() as api:
        mend = partial(shelf.mend[action], api)
        return all([await _mend_one(mend, one, reason, as_json) for one in found])


async def _mend_one(mend: Callable[..., Awaitable[Any]], one: Mapping[str, Any], reason: str, as_json: bool) -> bool:
    """Do it, say what became of it, and whether it is held back no longer."""
    try:
        done = await mend(one.get("id"), {"reason": reason}, service=one.get("service"))
    except Refusal as refusal:
        if as_json:
            tell({"id": one.get("id"), "service": one.get("service"), "problem": dict(refusal.document)})
        warn(f"{one.get('id')} {Refused(refusal.status, refusal.document)}")
        return False
    ended = done.get("ended_at") is not None or done.get("status") == SET_ANEW
    if as_json:
        tell(done)
    else:
        told = f"is {done.get('status')}" if ended else f"took no effect, {done.get('status')}: {done.get('reason')}"
        show(plain(f"{done.get('id')} {told}"))
    return ended


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise Failure(
            "Nobody is there to ask: say --yes if you mean it, or --dry-run to see what would be done.", USAGE
        )
    typer.confirm(question, abort=True)


def _many(found: Sequence[Any], shelf: Shelf) -> str:
    return f"{len(found)} {shelf.resource}{'s' * (len(found) != 1)}"


def _value(name: str, value: Any) -> Any:
    if name.endswith("_at"):
        return time_of(value)
    if name == "status":
        return coloured(value)
    return json.dumps(value, indent=1, ensure_ascii=False) if isinstance(value, dict | list) else value

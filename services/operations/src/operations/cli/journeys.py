"""`reliefpath journeys`, `journey` and `counts`: where every patient's path stands, and how one came to be there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.text import Text
from rich.tree import Tree

from operations.cli.api import operations, run
from operations.cli.display import Json, duration, event_name, moment, plain, show, table, tell, time_of, warn
from reliefpath.vocabulary import Setting, Stage
from reliefpath_client import pages
from reliefpath_client.operations import Counts, JourneyTraced, PageJourneyShown


def list_journeys(
    stage: Annotated[list[Stage] | None, typer.Option(help="Only at this stage; repeat for more.")] = None,
    setting: Annotated[list[Setting] | None, typer.Option(help="Only in this setting; repeat for more.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most journeys shown.")] = 50,
    as_json: Json = False,
) -> None:
    """Journeys, those first that have stood at their stage the longest."""
    shown = run(_pages(limit, stage, setting))
    found = [item for page in shown for item in page.get("items") or ()][:limit]
    if as_json:
        for one in found:
            tell(one)
        return
    rows = [
        (
            one.get("journey"),
            one.get("stage") if not one.get("exit") else f"{one.get('stage')}: {one['exit']}",
            one.get("setting"),
            duration(one.get("seconds_in_stage")),
            event_name(one.get("last_event")),
            time_of(one.get("last_at")),
        )
        for one in found
    ]
    show(table(["journey", "stage", "setting", "for>", "last event", "at"], rows))
    if shown and shown[-1].get("next"):
        warn(f"There are more than {len(found)}: ask for them with --limit.")


def show_journey(
    journey: Annotated[UUID, typer.Argument(help="The journey's id.")],
    tree: Annotated[bool, typer.Option("--tree", help="Draw what led to what as a tree.")] = False,
    as_json: Json = False,
) -> None:
    """One journey's events of every service, each after what caused it."""
    found = run(_traced(journey))
    events = found.get("events") or []
    if as_json:
        for event in events:
            tell(event)
        return
    show(_headline(found), _tree(found, events) if tree else _events(events))
    for gap in found.get("missing") or ():
        warn(f"Not heard: {gap.get('speaker')} #{gap.get('seq')}. See reliefpath parked list.")


def show_counts(as_json: Json = False) -> None:
    """How many journeys stand at each stage, in each setting."""
    found = run(_counts())
    counts = found.get("counts") or []
    if as_json:
        for one in counts:
            tell(one)
        return
    cells: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in counts:
        label = f"closed: {one['exit']}" if one.get("exit") else str(one.get("stage"))
        cells[label][str(one.get("setting"))] += int(one.get("journeys") or 0)
    closed = sorted(label for label in cells if label not in set(Stage))
    labels = [stage.value for stage in Stage if stage is not Stage.CLOSED or stage.value in cells] + closed
    rows = [
        (label, *(cells[label][setting] or "·" for setting in Setting), sum(cells[label].values()) or "·")
        for label in labels
    ]
    show(table(["stage", *(f"{setting.value}>" for setting in Setting), "all>"], rows))
    show(plain(f"{found.get('journeys')} journeys, {found.get('open')} open", "bold"))


async def _pages(
    limit: int, stage: Sequence[Stage] | None, setting: Sequence[Setting] | None
) -> list[PageJourneyShown]:
    async with operations() as api:
        listed = pages(
            limit,
            api.journeys,
            stage=[one.value for one in stage or ()],
            setting=[one.value for one in setting or ()],
        )
        return [page async for page in listed]


async def _traced(journey: UUID) -> JourneyTraced:
    async with operations() as api:
        return await api.journey(str(journey))


async def _counts() -> Counts:
    async with operations() as api:
        return await api.counts()


def _headline(found: Mapping[str, Any]) -> Text:
    stands = found.get("stage") or "no referral heard of yet"
    ended = f" ({found['exit']})" if found.get("exit") else ""
    where = f", {found['setting']}" if found.get("setting") else ""
    since = f", since {time_of(found['since'])}" if found.get("since") else ""
    return plain(f"{found.get('journey')}  {stands}{ended}{where}{since}", "bold")


def _events(events: Sequence[Mapping[str, Any]]) -> Any:
    rows, before = [], None
    for event in events:
        at = moment(event.get("time"))
        since = duration((at - before).total_seconds()) if at and before else ""
        before = at or before
        rows.append(
            (
                event.get("position"),
                time_of(event.get("time")),
                f"+{since}" if since and not since.startswith("−") else since,
                event.get("speaker"),
                event_name(event.get("type")),
                event.get("actor"),
                because(event.get("cause") or {}),
            )
        )
    return table(["#>", "time", "Δt>", "service", "event", "by", "because of"], rows)


def _tree(found: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Tree:
    root = Tree(plain(f"journey {found.get('journey')}"))
    branches: dict[int, Tree] = {}
    for event in events:
        cause = event.get("cause") or {}
        origin = branches.get(cause.get("position") or 0) if cause.get("kind") in {"event", "deadline"} else None
        told = plain(f"{event.get('position')} {event_name(event.get('type'))}")
        told.append(f"  {event.get('speaker')}, {event.get('actor')}, {time_of(event.get('time'))}", "dim")
        if origin is None:
            told.append(f"  because of {because(cause)}", "dim")
        elif cause.get("seconds_before") is not None:
            when = "at its deadline" if cause.get("kind") == "deadline" else "later"
            told.append(f"  {duration(cause['seconds_before'])} {when}", "dim")
        branches[int(event.get("position") or 0)] = (origin or root).add(told)
    return root


def because(cause: Mapping[str, Any]) -> str:
    """A cause in a few words."""
    kind, named = cause.get("kind"), str(cause.get("id"))
    if kind == "event":
        return f"#{cause.get('position')} {event_name(cause.get('type'))}"
    if kind == "contradicted":
        return f"#{cause.get('position')}, which comes later (its cause cannot be true)"
    if kind == "deadline" and cause.get("position"):
        return f"deadline {named.partition(':')[0]}, set by #{cause['position']} {event_name(cause.get('type'))}"
    if kind == "unheard":
        return f"event {named}, not heard here"
    return f"{kind} {named}"

"""`reliefpath lag`: are we behind, by how many seconds, and are we catching up?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.live import Live

from operations.cli.api import Api, connect
from operations.cli.display import Json, coloured, console, duration, plain, show, table, tell
from operations.cli.failure import FOUND
from operations.cli.held import Because, Service
from reliefpath.vocabulary import Role

WORRYING: Final = frozenset({"stalled", "unobserved", "gone"})


def show_lag(
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
    partitions: Annotated[bool, typer.Option("--partitions", help="A line for each partition.")] = False,
    as_json: Json = False,
) -> None:
    """How far behind every service is, in seconds and in records. Ends with 1 when one stands still or is silent."""
    with connect("operations", Role.OPERATIONS) as api:
        if not watch:
            found = api.get("/lag")
            _show(found, partitions, as_json)
            raise typer.Exit(FOUND if is_worrying(found) else 0)
        try:
            _watch(api, every, partitions, as_json)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def restart_partition(
    service: Annotated[Service, typer.Argument(help="The service whose consumer stands there.")],
    topic: Annotated[str, typer.Argument(help="The topic, as `reliefpath lag` shows it.")],
    partition: Annotated[int, typer.Argument(min=0, help="Its partition.")],
    reason: Because,
    as_json: Json = False,
) -> None:
    """Read a partition whose offset is gone from its beginning. What was heard before has no second effect."""
    with connect("operations", Role.OPERATIONS) as api:
        done = api.post(f"/lag/{service}/{topic}/{partition}/restart", {"reason": reason}).body
    if as_json:
        tell(done)
    else:
        show(plain(f"{service} reads {topic}/{partition} from {done.get('next')} on"))


def is_worrying(found: Mapping[str, Any]) -> bool:
    """Whether somebody should look: a consumer stands still, none is seen to work, or a service is silent."""
    return bool(found.get("silent")) or any(one.get("status") in WORRYING for one in found.get("consumers") or ())


def _watch(api: Api, every: float, partitions: bool, as_json: bool) -> None:
    if as_json or not console().is_terminal:
        while True:
            _show(api.get("/lag"), partitions, as_json)
            time.sleep(every)
    with Live(console=console(), auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            live.update(_drawn(api.get("/lag"), partitions), refresh=True)
            time.sleep(every)


def _show(found: Mapping[str, Any], partitions: bool, as_json: bool) -> None:
    if not as_json:
        show(_drawn(found, partitions))
        return
    for one in found.get("consumers") or ():
        tell(one)
    for silent in found.get("silent") or ():
        tell({**silent, "status": "silent"})


def _drawn(found: Mapping[str, Any], partitions: bool) -> RenderableType:
    names = ["service", "topic", "seconds>", "records>", "status", "trend", "clears in>"]
    drawn = table(names, _rows(found, partitions))
    silent = [plain(f"{one.get('service')} {one.get('because')}", "bold red") for one in found.get("silent") or ()]
    return Group(drawn, *silent)


def _rows(found: Mapping[str, Any], partitions: bool) -> Iterator[tuple[Any, ...]]:
    for one in found.get("consumers") or ():
        yield _row(str(one.get("service")), str(one.get("topic")), one)
        for part in one.get("partitions") or () if partitions else ():
            yield _row("", f"  {part.get('partition')}: {part.get('next')} of {part.get('end')}", part)


def _row(service: str, topic: str, lag: Mapping[str, Any]) -> tuple[Any, ...]:
    clears_in = lag.get("clears_in")
    return (
        service,
        topic,
        f"{lag.get('seconds') or 0:.1f}",
        lag.get("records"),
        coloured(lag.get("status")),
        coloured(lag.get("trend")),
        duration(clears_in) if clears_in is not None else "",
    )

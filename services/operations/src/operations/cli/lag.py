"""`reliefpath lag`: whether we are behind, by how many seconds, and whether we are catching up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.live import Live

from operations.cli.api import operations, run
from operations.cli.display import Json, coloured, console, duration, plain, show, table, tell
from operations.cli.failure import FOUND
from operations.cli.held import Because, Service
from reliefpath_client.operations import Lags
from reliefpath_client.streams import Restarted

WORRYING: Final = frozenset({"stalled", "unobserved", "gone"})


def show_lag(
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
    partitions: Annotated[bool, typer.Option("--partitions", help="A line for each partition.")] = False,
    as_json: Json = False,
) -> None:
    """How far behind every service is, in seconds and in records. Ends with 1 when one stands still or is silent."""
    if not watch:
        found = run(_look())
        _show(found, partitions, as_json)
        raise typer.Exit(FOUND if is_worrying(found) else 0)
    try:
        run(_watch(every, partitions, as_json))
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
    done = run(_restart(service, topic, partition, reason))
    if as_json:
        tell(done)
    else:
        show(plain(f"{service} reads {topic}/{partition} from {done.get('next')} on"))


def is_worrying(found: Lags) -> bool:
    """Whether somebody should look: a consumer stands still, none is seen to work, or a service is silent."""
    return bool(found.get("silent")) or any(one.get("status") in WORRYING for one in found.get("consumers") or ())


async def _look() -> Lags:
    async with operations() as api:
        return await api.lag()


async def _restart(service: Service, topic: str, partition: int, reason: str) -> Restarted:
    async with operations() as api:
        return await api.lag_restart(service.value, topic, partition, {"reason": reason})


async def _watch(every: float, partitions: bool, as_json: bool) -> None:
    async with operations() as api:
        if as_json or not console().is_terminal:
            while True:
                _show(await api.lag(), partitions, as_json)
                await asyncio.sleep(every)
        with Live(console=console(), auto_refresh=False, vertical_overflow="visible") as live:
            while True:
                live.update(_drawn(await api.lag(), partitions), refresh=True)
                await asyncio.sleep(every)


def _show(found: Lags, partitions: bool, as_json: bool) -> None:
    if not as_json:
        show(_drawn(found, partitions))
        return
    for one in found.get("consumers") or ():
        tell(one)
    for silent in found.get("silent") or ():
        tell({**silent, "status": "silent"})


def _drawn(found: Lags, partitions: bool) -> RenderableType:
    names = ["service", "topic", "seconds>", "records>", "status", "trend", "clears in>"]
    drawn = table(names, _rows(found, partitions))
    silent = [plain(f"{one.get('service')} {one.get('because')}", "bold red") for one in found.get("silent") or ()]
    return Group(drawn, *silent)


def _rows(found: Lags, partitions: bool) -> Iterator[tuple[Any, ...]]:
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

"""`reliefpath clock`: the one clock of a development stack, which can be moved ahead but never back."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Annotated, Final

import typer

from operations.cli.api import SERVICES, connect, run
from operations.cli.display import Json, duration, plain, show, table, tell, time_of, warn
from operations.cli.failure import FOUND, USAGE, Commands, Failure
from reliefpath.vocabulary import Role
from reliefpath_client import Development, Refusal
from reliefpath_client.development import ClockShown

Clocks = Mapping[str, ClockShown]

UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
NOT_FOUND: Final = 404
SPAN: Final = re.compile(r"(?:\d+(?:\.\d+)?[wdhms])+")

commands: Final = typer.Typer(
    cls=Commands, help="The clock of a development stack: see it, and let time pass.", no_args_is_help=True
)


@commands.command("show")
def show_clock(as_json: Json = False) -> None:
    """What time it is in each service. Ends with 1 when they disagree."""
    clocks = run(_read())
    _print(clocks, as_json)
    if len({told.get("shift_seconds") for told in clocks.values()}) > 1:
        warn("The services' clocks disagree; reliefpath clock advance 0s brings them together.")
        raise typer.Exit(FOUND)


@commands.command("advance")
def advance_clock(
    by: Annotated[str, typer.Argument(help="How much time is to pass: 45s, 30m, 12h, 3d, 2w, 1d12h.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Let time pass in every service at once. Deadlines within it fire; there is no way back."""
    seconds = span(by)
    shift = max(float(told.get("shift_seconds") or 0) for told in run(_read()).values()) + seconds
    if dry_run:
        warn(f"Would set every clock {duration(shift)} ahead of real time; nothing was done.")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise Failure("Nobody is there to ask: say --yes if you mean it.", USAGE)
        typer.confirm(f"Let {duration(seconds)} pass in every service? There is no way back.", abort=True)
    _print(run(_shift(shift)), as_json)


def span(text: str) -> float:
    """A time span in seconds. Raises Failure when it is none."""
    if not SPAN.fullmatch(text):
        raise Failure(f"{text!r} is no time span: write 45s, 30m, 12h, 3d, 2w or 1d12h.", USAGE)
    return sum(float(amount) * UNITS[unit] for amount, unit in re.findall(r"(\d+(?:\.\d+)?)([wdhms])", text))


async def _read() -> Clocks:
    """Every clock; all must answer before any is moved."""
    async with AsyncExitStack() as open_apis:
        try:
            return {service: await api.clock() for service, api in (await _apis(open_apis)).items()}
        except Refusal as refusal:
            if refusal.status == NOT_FOUND:
                raise Failure("Only a development profile shows and moves the clock.") from None
            raise


async def _shift(seconds: float) -> Clocks:
    async with AsyncExitStack() as open_apis:
        return {service: await api.clock_shift(seconds) for service, api in (await _apis(open_apis)).items()}


async def _apis(open_apis: AsyncExitStack) -> dict[str, Development]:
    apis = {service: connect(Development, service, Role.OPERATIONS) for service in SERVICES}
    return {service: await open_apis.enter_async_context(api) for service, api in apis.items()}


def _print(clocks: Clocks, as_json: bool) -> None:
    if as_json:
        for service, told in clocks.items():
            tell({"service": service, **told})
        return
    rows = [
        (service, time_of(told.get("now")), plain(duration(float(told.get("shift_seconds") or 0))))
        for service, told in clocks.items()
    ]
    show(table(["service", "now (UTC)", "ahead of real time by>"], rows))

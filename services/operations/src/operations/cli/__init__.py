"""The `reliefpath` command: refer patients, and see and mend what is going on. It uses the APIs as anybody else does.

Exit codes: 0 all is well, 1 problems were found or something was refused, 2 wrong usage, 3 somebody cannot be reached.
"""

from __future__ import annotations

import sys
import traceback
from typing import Final

import typer

from operations.cli import clock, held, journeys, lag, refer
from operations.cli.failure import Commands

app: Final = typer.Typer(
    cls=Commands,
    name="reliefpath",
    help="Refer patients to Reliefpath, and see and mend what is going on there.",
    epilog=(
        "Addresses and the token come from RELIEFPATH_URL_<SERVICE> and RELIEFPATH_TOKEN, or else from the local stack "
        "that runs in this checkout. Exit codes: 0 ok, 1 problems found or refused, 2 usage, 3 unreachable."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("refer")(refer.refer)
app.command("journeys")(journeys.list_journeys)
app.command("journey")(journeys.show_journey)
app.command("counts")(journeys.show_counts)
app.command("lag")(lag.show_lag)
app.command("restart")(lag.restart_partition)
app.add_typer(held.commands(held.PARKED), name="parked")
app.add_typer(held.commands(held.DEAD_LETTERS), name="dead-letters")
app.add_typer(held.commands(held.DEADLINES), name="deadlines")
app.add_typer(clock.commands, name="clock")


def main() -> None:
    """Do what the command line says; a fault of ours, too, ends with a sentence."""
    try:
        app()
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {place.name}, line {place.lineno}"
        sys.stderr.write(f"reliefpath: this should not have happened, and is our fault: {where}.\n")
        raise SystemExit(1) from None

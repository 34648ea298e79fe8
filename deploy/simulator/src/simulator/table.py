"""What came of a run: a table for people, and the same as data."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from simulator.run import Outcome, Run


def as_data(run: Run) -> dict[str, Any]:
    """Everything the tables show, as plain data."""
    return {
        "patients": [patient_as_data(outcome) for outcome in run.outcomes],
        "branches": [{"branch": title, "patients": told, "as_they_must": well} for title, told, well in _branches(run)],
        "simulated_days": run.days,
        "seconds": round(run.seconds, 1),
        "failed": sum(outcome.failure is not None for outcome in run.outcomes),
    }


def patient_as_data(outcome: Outcome) -> dict[str, Any]:
    """One patient's line."""
    standing = outcome.standing
    return {
        "patient": outcome.case.label,
        "story": outcome.role.story.name,
        "branch": outcome.role.story.title,
        "journey": outcome.case.journey,
        "picture": outcome.role.patient.picture.name,
        "path": list(outcome.case.path),
        "stage": standing.stage if standing else None,
        "exit": standing.exit if standing else None,
        "began_in": outcome.case.began.value,
        "setting": standing.setting if standing else None,
        "events": standing.events if standing else None,
        "check_ins_answered": outcome.case.agenda.answered,
        "days": round(outcome.part.days, 1),
        "failure": outcome.failure,
    }


def show(run: Run, console: Console) -> None:
    """Both tables, and a sentence for each story that did not end as it must."""
    console.print(_patients(run))
    console.print()
    console.print(_totals(run))
    for outcome in run.outcomes:
        if outcome.failure:
            console.print(f"[red]{outcome.case.label}[/] ({outcome.role.story.title}): ", end="")
            console.print(outcome.failure, markup=False, highlight=False)


def verdict(run: Run) -> str:
    """The run in one sentence."""
    told, failed = len(run.outcomes), sum(outcome.failure is not None for outcome in run.outcomes)
    ended = (
        f"{failed} of {told} stories did not end as they must" if failed else f"All {told} stories ended as they must"
    )
    return f"{ended}: {run.days} simulated days in {run.seconds:.0f} s."


def price(run: Run) -> str:
    """What the run cost those who were not in it, in one sentence."""
    return (
        f"The clock moved {run.days} days for everybody on this installation, so referrals of others that were left "
        "unanswered may have expired."
    )


def _patients(run: Run) -> Table:
    table = Table(title="What happened to each patient", title_justify="left", box=None, pad_edge=False)
    table.add_column("patient", no_wrap=True)
    for column in ("branch", "path", "ended", "setting"):
        table.add_column(column)
    for column in ("events", "days"):
        table.add_column(column, justify="right")
    for outcome in run.outcomes:
        standing, failed = outcome.standing, outcome.failure is not None
        table.add_row(
            outcome.case.label,
            outcome.role.story.title,
            " → ".join(outcome.case.path) or "–",
            "[red]not as it must[/]" if failed or standing is None else f"{standing.stage}, {standing.exit}",
            _where(outcome),
            str(standing.events) if standing else "–",
            f"{outcome.part.days:.0f}",
        )
    return table


def _where(outcome: Outcome) -> str:
    """Where the patient was cared for when the referral was sent, and at the end."""
    began, standing = outcome.case.began, outcome.standing
    if standing is None:
        return "–"
    return standing.setting if standing.setting == began else f"{began} → {standing.setting}"


def _totals(run: Run) -> Table:
    table = Table(title="Branches", title_justify="left", box=None, pad_edge=False)
    table.add_column("branch")
    table.add_column("patients", justify="right")
    table.add_column("as they must", justify="right")
    for title, told, well in _branches(run):
        table.add_row(title, str(told), str(well) if well == told else f"[red]{well}[/]")
    return table


def _branches(run: Run) -> list[tuple[str, int, int]]:
    """Each branch, how many played it, and how many of them ended as they must."""
    told = Counter(outcome.role.story.title for outcome in run.outcomes)
    well = Counter(outcome.role.story.title for outcome in run.outcomes if outcome.failure is None)
    return [(title, count, well[title]) for title, count in told.items()]

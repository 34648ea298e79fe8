"""What is shown at the end: a line for each patient, totals per branch, the same as data, each failure in words."""

from __future__ import annotations

import io
import json
from datetime import timedelta

from rich.console import Console

from simulator import table
from simulator.casting import assign
from simulator.endings import Standing
from simulator.play import Part
from simulator.run import Outcome, Run
from tests.support.papers import BEGIN, Papers


def played(failure: str | None = None) -> Run:
    roles = assign(3, 1)
    run = Run(None, roles, began=BEGIN, ended=BEGIN + timedelta(days=100), seconds=41.6)  # type: ignore[arg-type]  # no network is asked
    for role in roles:
        case = Papers().case()
        case.label, case.path = role.patient.label("X"), ["PNB trial: non_responder", "EPI trial: responder"]
        part = Part(case.label, lambda _: None, began=BEGIN, ended=BEGIN + timedelta(days=40))  # type: ignore[arg-type,return-value]  # never told
        run.outcomes.append(Outcome(role, case, part, Standing("closed", "completed", "home", 96)))
    if failure:
        run.outcomes[1].part.failure, run.outcomes[1].standing = failure, None
    return run


def shown(run: Run) -> str:
    console = Console(file=io.StringIO(), width=140)
    table.show(run, console)
    text = console.file
    assert isinstance(text, io.StringIO)
    return text.getvalue()


def test_every_patient_has_a_line_with_path_end_setting_events_and_days() -> None:
    text = shown(played())
    [line] = [one for one in text.splitlines() if "SIM-X-02" in one]
    for told in (
        "PNB trial: non_responder → EPI trial: responder",
        "closed, completed",
        "outpatient → home",
        "96",
        "40",
    ):
        assert told in line


def test_every_branch_has_its_totals() -> None:
    data = table.as_data(played("it rained"))
    assert [one["as_they_must"] for one in data["branches"]] == [1, 0, 1]
    assert data["failed"] == 1


def test_a_failure_is_told_in_its_own_words_and_counted_in_the_verdict() -> None:
    run = played("A coordinator wants to accept [it], but may not.")
    assert "SIM-X-02" in shown(run)
    assert "A coordinator wants to accept [it], but may not." in shown(run)
    assert table.verdict(run) == "1 of 3 stories did not end as they must: 100 simulated days in 42 s."


def test_a_run_that_went_well_says_so() -> None:
    assert table.verdict(played()) == "All 3 stories ended as they must: 100 simulated days in 42 s."


def test_what_the_clock_did_to_others_is_told_in_a_sentence() -> None:
    told = table.price(played())
    assert told.startswith("The clock moved 100 days for everybody")
    assert "referrals of others that were left unanswered may have expired" in told


def test_the_data_are_plain_and_name_each_journey() -> None:
    data = json.loads(json.dumps(table.as_data(played())))
    assert [one["patient"] for one in data["patients"]] == ["SIM-X-01", "SIM-X-02", "SIM-X-03"]
    assert all(one["journey"] and one["failure"] is None for one in data["patients"])
    assert data["simulated_days"] == 100
